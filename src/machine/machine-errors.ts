/** What the host side throws about a running machine. */

/** A CPU's thread died. */
export class CpuDiedError extends Error {
  override name = 'CpuDiedError';
  readonly cpu: number;
  readonly reason: string;

  constructor(cpu: number, reason: string) {
    super(`CPU#${cpu} died: ${reason}`);
    this.cpu = cpu;
    this.reason = reason;
  }
}

/** The machine panicked; nothing runs on it any more. Its memory can still be read. */
export class MachinePanicError extends Error {
  override name = 'MachinePanicError';
  /** The panic's report. */
  readonly report: string;

  /** @param log the kernel log, in which the report is looked up */
  constructor(log: string) {
    const lines = log.split('\n').map((line) => line.replace(/^\[ *\d+\.\d+\] /, ''));
    const start = lines.findIndex((line) => line.startsWith('Kernel panic'));
    const end = lines.findIndex((line, i) => i > start && line.startsWith('---[ end trace'));
    super(lines[start] ?? 'Kernel panic');
    this.report = lines.slice(start, end < 0 ? undefined : end).join('\n');
  }
}

/** The machine cannot do what was asked for, as it is now. */
export class MachineStateError extends Error {
  override name = 'MachineStateError';
}

/** An error that a function threw on a CPU, with the stack it had there. */
export class CpuError extends Error {
  override name = 'CpuError';
  readonly cpu: number;
  /** Name of the original error, for example `KernelBug`. */
  readonly thrown: string;
  /** The kernel's report, when it was a BUG or an oops. */
  readonly report: string | undefined;

  constructor(cpu: number, failure: CpuFailure) {
    super(`CPU#${cpu}: ${failure.name}: ${failure.message}`);
    this.cpu = cpu;
    this.thrown = failure.name;
    this.report = failure.report;
    this.stack = `${this.name}: ${this.message}\n${stackFrames(failure.stack)}`;
  }
}

/** A task's thread died. */
export class TaskDiedError extends Error {
  override name = 'TaskDiedError';
  readonly pid: number;
  readonly reason: string;

  constructor(pid: number, comm: string, reason: string) {
    super(`task ${comm}:${pid} died: ${reason}`);
    this.pid = pid;
    this.reason = reason;
  }
}

/** An error that a task's function threw, with the stack it had there. */
export class TaskError extends Error {
  override name = 'TaskError';
  readonly pid: number;
  /** Name of the original error, for example `KernelBug`. */
  readonly thrown: string;
  /** The kernel's report, when it was a BUG or an oops. */
  readonly report: string | undefined;

  constructor(pid: number, comm: string, failure: CpuFailure) {
    super(`task ${comm}:${pid}: ${failure.name}: ${failure.message}`);
    this.pid = pid;
    this.thrown = failure.name;
    this.report = failure.report;
    this.stack = `${this.name}: ${this.message}\n${stackFrames(failure.stack)}`;
  }
}

/** An error on its way from a CPU to the host. */
export interface CpuFailure {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly report?: string;
}

/** The frames of a stack, without its message. */
function stackFrames(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}

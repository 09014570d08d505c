/** What kernel code throws. The text is the first line of the report; the report itself is in the kernel log. */

/** A BUG: the kernel found itself misused. The running function is over; the machine goes on. */
export class KernelBug extends Error {
  override name = 'KernelBug';
  /** The whole report, as printed into the kernel log. */
  readonly report: string;

  constructor(message: string, report: string) {
    super(message);
    this.report = report;
  }
}

/** An access to an address that maps to nothing. */
export class KernelOops extends KernelBug {
  override name = 'KernelOops';
}

/** The whole machine stopped. Thrown on every CPU that notices. */
export class KernelPanic extends Error {
  override name = 'KernelPanic';
}

/** The console waited too long for a lock; what it was doing has to be done again. */
export class WaitGivenUp extends Error {
  override name = 'WaitGivenUp';
}

/** A module could not be loaded: what it needs is not there. `errno` says why, as `insmod` would. */
export class ModuleLoadError extends Error {
  override name = 'ModuleLoadError';
  /** Negative: -ENOMEM, -ENOENT. */
  readonly errno: number;

  constructor(message: string, errno: number) {
    super(message);
    this.errno = errno;
  }
}

/** The running task has ended itself by do_exit. */
export class TaskExit extends Error {
  override name = 'TaskExit';
  readonly code: number;

  constructor(code: number) {
    super(`the task ended with ${code}`);
    this.code = code;
  }
}

/** The machine was halted while this function ran. */
export class MachineHalted extends Error {
  override name = 'MachineHalted';
}

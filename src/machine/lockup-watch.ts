import { CPU_AREA } from '../kernel/core/cpu-area.js';
import { formatStack } from '../kernel/core/call-trace.js';
import { KERNEL_IRQ } from '../kernel/core/interrupt-data.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { softLockupReport } from '../kernel/cpu/softlockup.js';
import type { Kernel } from '../kernel/kernel.js';
import { stacksOfThreads, type ThreadStack } from './thread-stacks.js';
import { reportFromWatch } from './watch-report.js';

/** What the watch needs to know of CPUs. */
export interface LockupHost {
  /** What a CPU was told to run, '' if that is not known or its owner, another thread, runs something else. */
  workOf(cpu: number, owner: number): string;
  /** `threadId` in Node of a thread in the machine's owner words; undefined if that is not known. */
  nodeThread(thread: number): number | undefined;
}

/** A CPU that does not answer: since when, and how often it was reported. */
interface Silence {
  readonly since: number;
  reports: number;
}

/** A report without its call trace, that of the CPU at that moment. */
interface Lockup {
  readonly cpu: number;
  /** Number of the thread that was the CPU. */
  readonly owner: number;
  readonly silence: Silence;
  readonly text: string;
}

/** Reports CPUs that run and do not poll: they serve no interrupt. */
export class LockupWatch {
  readonly #k: Kernel;
  readonly #host: LockupHost;
  readonly #silent = new Map<number, Silence>();
  /** Lockups that wait for their call traces. */
  #found: Lockup[] = [];
  #tracing: Promise<void> | undefined;
  #isStopped = false;

  /** @param k the console */
  constructor(k: Kernel, host: LockupHost) {
    this.#k = k;
    this.#host = host;
  }

  /** A CPU has answered, or does not run. */
  forget(cpu: number): void {
    this.#silent.delete(cpu);
  }

  /**
   * A CPU has not served the last clock tick. Reported after the limit, and again each time as long; the report comes
   * when its call trace was had, at most a second later.
   */
  note(cpu: number, now: number): void {
    const silence = this.#silent.get(cpu) ?? { since: now, reports: 0 };
    this.#silent.set(cpu, silence);
    const limit = this.#k.i32[KERNEL.irq + KERNEL_IRQ.at.softlockup_ms];
    if (now - silence.since < limit * (silence.reports + 1)) return;
    silence.reports++;
    const owner = this.#ownerOf(cpu);
    const text = softLockupReport(this.#k, cpu, now - silence.since, this.#host.workOf(cpu, owner));
    this.#found.push({ cpu, owner, silence, text });
    this.#tracing ??= this.#traceFound().finally(() => {
      this.#tracing = undefined;
    });
  }

  /** Ends the watch: nobody calls {@link note} any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Resolves, after a second at most, when no thread is asked for its stack: only then it may be terminated. */
  async traced(): Promise<void> {
    // Who listens to reports may have thrown: that is told elsewhere.
    await this.#tracing?.catch(() => undefined);
  }

  async #traceFound(): Promise<void> {
    // First the clock is to look at all CPUs: those that are found together are traced together.
    await Promise.resolve();
    while (this.#found.length > 0) {
      const lockups = this.#found;
      this.#found = [];
      const stacks = await this.#stacksOf(lockups);
      for (const [i, lockup] of lockups.entries()) {
        reportFromWatch(this.#k, `${lockup.text}\n${this.#callTrace(lockup, stacks[i])}`);
      }
    }
  }

  async #stacksOf(lockups: readonly Lockup[]): Promise<ThreadStack[]> {
    if (this.#isStopped) return lockups.map(() => ({ problem: 'the machine is halted' }));
    const threads = lockups.map(({ owner }) => this.#host.nodeThread(owner));
    const stacks = await stacksOfThreads(threads.filter((thread) => thread !== undefined));
    const unknown = { problem: 'it is not known which thread it has' };
    return threads.map((thread) => (thread === undefined ? unknown : (stacks.get(thread) ?? unknown)));
  }

  #callTrace({ cpu, owner, silence }: Lockup, answer: ThreadStack): string {
    if ('problem' in answer) return `Call Trace: not known, ${answer.problem}`;
    const trace = formatStack(answer.stack, 0);
    // It may have come to a poll, and to something else, before its thread answered.
    const isSame = this.#silent.get(cpu) === silence && this.#ownerOf(cpu) === owner;
    const title = isSame ? 'Call Trace:' : 'Call Trace, perhaps of what it did next:';
    return `${title}\n${trace === '' ? ' (in no function)' : trace}`;
  }

  #ownerOf(cpu: number): number {
    return Atomics.load(this.#k.i32, this.#k.i32[KERNEL.cpu_area + cpu] + CPU_AREA.at.owner);
  }
}

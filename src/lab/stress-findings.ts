import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditReport } from '../kernel/debug/audit.js';
import { describeViolation } from '../kernel/debug/audit-describe.js';
import type { Machine } from '../machine/machine.js';
import { messageOf } from './stress-problem.js';
import { isNotice, type Kill, panicByKill, reportTitle } from './stress-reports.js';
import type { CommonFailureKind, FirstFailure, StressPanic, StressVerdict } from './stress-result.js';
import { within } from './stress-within.js';

/** A kill that hits a lock must stop the machine within this time. Milliseconds. */
const PANIC_LIMIT_MS = 2000;

/**
 * What a stress run finds: the first failure or a panic, each of which ends the run, and reports that are no failure.
 *
 * @typeParam Kind failures that not every run has
 * @typeParam Details what the run says besides of a failure
 */
export class StressFindings<Kind extends string, Details extends object> {
  readonly notices: string[] = [];
  readonly #machine: Machine;
  readonly #kills: () => readonly Kill[];
  readonly #onFailure: (cpu: number) => Details;
  readonly #over = new AbortController();
  #panic: StressPanic | undefined;
  #failure: (FirstFailure<Kind> & Details) | undefined;

  /**
   * @param kills those that the run has done
   * @param onFailure called at the first failure, with the CPU whose it is or -1: stops the run, and says more about it
   */
  constructor(machine: Machine, kills: () => readonly Kill[], onFailure: (cpu: number) => Details) {
    this.#machine = machine;
    this.#kills = kills;
    this.#onFailure = onFailure;
  }

  get panic(): StressPanic | undefined {
    return this.#panic;
  }

  get failure(): (FirstFailure<Kind> & Details) | undefined {
    return this.#failure;
  }

  get verdict(): StressVerdict {
    if (this.#failure !== undefined) return 'failed';
    return this.#panic === undefined ? 'passed' : 'panicked';
  }

  /** Whether something has ended the run. */
  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** Whether nothing can be done on the machine any more. */
  get isMachineLost(): boolean {
    return this.#machine.panicked || this.#failure?.kind === 'hang';
  }

  fail(kind: Kind | CommonFailureKind, message: string, report?: string, cpu = -1): void {
    if (this.#failure !== undefined) return;
    const details = this.#onFailure(cpu);
    this.#failure = { kind, message, ...details, ...(report === undefined ? {} : { report }) };
    this.#over.abort();
  }

  /** The machine has panicked: it must when a kill hits a lock, and soon. */
  panicked(message: string, report = ''): void {
    if (this.isOver) return;
    const kill = panicByKill(message, this.#kills());
    if (kill === undefined) {
      this.fail('panic', message, report);
    } else if (kill.milliseconds > PANIC_LIMIT_MS) {
      const late = `${message}, ${Math.round(kill.milliseconds)} ms after the kill`;
      this.fail('panic', `${late}: the limit is ${PANIC_LIMIT_MS} ms`, report);
    } else {
      this.#panic = { message, report, milliseconds: kill.milliseconds };
      this.#over.abort();
    }
  }

  /**
   * Does something, and listens to the kernel meanwhile.
   *
   * @param onReport called with each of its reports
   */
  async listen<Value>(
    action: () => Promise<Value>,
    onReport = (text: string): void => {
      this.reported(text);
    },
  ): Promise<Value> {
    this.#machine.on('report', onReport);
    try {
      return await action();
    } finally {
      this.#machine.off('report', onReport);
    }
  }

  /** The kernel has reported something. What it says when it panics is in the panic. */
  reported(text: string, isExpected = isNotice(text)): void {
    if (this.#machine.panicked) return;
    if (isExpected) this.notices.push(reportTitle(text));
    else this.fail('report', reportTitle(text), text);
  }

  /** Waits, unless something has ended the run. */
  async pause(seconds: number): Promise<void> {
    await sleep(seconds * 1000, undefined, { signal: this.#over.signal }).catch(() => undefined);
  }

  /** Does something that may fail or hang on a broken machine. When something hangs, nobody waits for more. */
  async attempt(kind: Kind | CommonFailureKind, what: string, action: () => Promise<unknown>): Promise<void> {
    if (this.#failure?.kind === 'hang') return;
    try {
      await within(action(), `${what} did not come`);
    } catch (error) {
      if (!this.#machine.panicked) this.fail(kind, `${what}: ${messageOf(error)}`);
    }
  }

  async audit(): Promise<AuditReport | undefined> {
    try {
      const audit = await this.#machine.audit();
      if (audit.violations.length > 0) this.fail('audit', describeViolation(audit.violations[0]));
      return audit;
    } catch (error) {
      this.fail('audit', `no audit: ${messageOf(error)}`);
      return undefined;
    }
  }
}

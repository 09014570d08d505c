import { setTimeout as sleep } from 'node:timers/promises';
import { KernelPanic, WaitGivenUp } from '../kernel/core/errors.js';
import type { AuditReport } from '../kernel/debug/audit.js';
import { describeViolation } from '../kernel/debug/audit-describe.js';
import { globalNumaCounters, type NumaCounters } from '../kernel/fs/numa-counters.js';
import { makeContextIdle } from '../kernel/hotplug.js';
import type { Machine } from '../machine/machine.js';
import { STOP_AND_FREE, STOP_AT_ONCE, StressControl } from './stress-control.js';
import { type CpuProblem, END_LIMIT_MS, problemOf, StressCpus, within } from './stress-cpus.js';
import { StressFaults } from './stress-faults.js';
import { freeOrSlabPages, freePages, unusableByOrder, usedFrames } from './stress-memory.js';
import { describeOperation } from './stress-operations.js';
import type { StressOptions } from './stress-options.js';
import { isNotice, panicByKill, reportTitle } from './stress-reports.js';
import type { StressFailureKind, StressFailureResult, StressPanic, StressResult } from './stress-result.js';
import { cpuResults, sumCounts } from './stress-totals.js';

/** A machine that has nothing to do is looked at so often. Milliseconds. */
const WATCH_MS = 250;

/** A kill that hits a lock must stop the machine within this time. Milliseconds. */
const PANIC_LIMIT_MS = 2000;

/** Slots of a CPU's table: its share of the pages and half as much again, within these limits. */
const MIN_SLOTS = 256;
const MAX_SLOTS = 1 << 17;

/** Pages that are filled at most, so that a large machine does not take all memory of its host: 1 GiB. */
const MAX_FILLED_PAGES = 1 << 18;

/** What is measured at the start, to be compared with at the end. */
interface Baseline {
  readonly free: number;
  readonly used: ReadonlySet<number>;
  readonly numa: NumaCounters;
  readonly unusable: readonly number[];
}

/**
 * Stresses the page allocator of a machine from all its online CPUs at once, with a canary in every page, and checks
 * everything in the end. Nothing else may run on the machine meanwhile.
 *
 * @returns what was found; a failure is in the result. A machine that has panicked, or on which a CPU hangs, is of no
 *   more use
 * @throws RangeError when a fault names a CPU that the machine has not
 */
export async function runStress(machine: Machine, options: StressOptions): Promise<StressResult> {
  for (const fault of options.faults ?? []) {
    if (fault.kind === 'kill-task')
      throw new RangeError('only the workload tasks has tasks that can be killed');
    machine.cpu(fault.cpu);
  }
  return await new StressRun(machine, options).run();
}

class StressRun {
  readonly #machine: Machine;
  readonly #options: StressOptions;
  readonly #control: StressControl;
  readonly #cpus: StressCpus;
  readonly #faults: StressFaults;
  readonly #notices: string[] = [];
  #failure: StressFailureResult | undefined;
  #panic: StressPanic | undefined;
  #elapsed = 0;
  #hurry: () => void = () => undefined;

  constructor(machine: Machine, options: StressOptions) {
    this.#machine = machine;
    this.#options = options;
    const share = Math.floor(Math.min(freePages(machine.console), MAX_FILLED_PAGES) / machine.cpus);
    const slots = Math.min(MAX_SLOTS, Math.max(MIN_SLOTS, Math.ceil(share * 1.5)));
    this.#control = StressControl.create(machine.cpus, slots);
    const task = { buffer: this.#control.buffer, workload: options.workload, seed: options.seed, share };
    this.#cpus = new StressCpus(machine, this.#control, task, (problem) => {
      this.#problem(problem);
    });
    this.#faults = new StressFaults(machine, this.#cpus, options.faults ?? [], (cpu, error) => {
      this.#problem(problemOf(cpu, error));
    });
  }

  async run(): Promise<StressResult> {
    const onReport = (text: string): void => {
      this.#reported(text);
    };
    this.#machine.on('report', onReport);
    try {
      return await this.#run();
    } finally {
      this.#machine.off('report', onReport);
    }
  }

  async #run(): Promise<StressResult> {
    const before = await this.#baseline();
    const watch = setInterval(() => {
      this.#watch();
    }, WATCH_MS);
    const start = performance.now();
    this.#cpus.startAll();
    this.#faults.schedule();
    await this.#timeIsOver();
    const loaded = this.#unusableNow() ?? before.unusable;
    this.#control.stop(STOP_AND_FREE);
    this.#elapsed = (performance.now() - start) / 1000;
    try {
      await within(this.#faults.end(), END_LIMIT_MS, 'the faults did not end');
    } catch (error) {
      this.#problem(problemOf(-1, error));
    }
    await this.#cpus.end();
    clearInterval(watch);
    const { audit, pages } = await this.#check(before);
    return this.#result(before, loaded, audit, pages);
  }

  /** The unusable free space index; undefined when a lock that it needs has died with its owner. */
  #unusableNow(): number[] | undefined {
    if (this.#machine.panicked) return undefined;
    const { console } = this.#machine;
    try {
      return unusableByOrder(console);
    } catch (error) {
      if (!(error instanceof KernelPanic || error instanceof WaitGivenUp)) throw error;
      makeContextIdle(console);
      return undefined;
    }
  }

  async #baseline(): Promise<Baseline> {
    await this.#cpus.drain();
    const { console } = this.#machine;
    return {
      free: freeOrSlabPages(console),
      used: usedFrames(console),
      numa: globalNumaCounters(console),
      unusable: unusableByOrder(console),
    };
  }

  /** Waits for the end of the run: by time, or because something has happened. */
  async #timeIsOver(): Promise<void> {
    const limit = new AbortController();
    this.#hurry = () => {
      limit.abort();
    };
    if (this.#failure !== undefined || this.#panic !== undefined) limit.abort();
    await sleep(this.#options.seconds * 1000, undefined, { signal: limit.signal }).catch(() => undefined);
  }

  #watch(): void {
    const hanging = this.#cpus.hanging();
    if (hanging !== undefined) {
      const locks = this.#cpus.locksHeld(hanging);
      this.#fail('hang', hanging, `CPU#${hanging} has made no progress for 10 s; locks held: ${locks}`);
      this.#cpus.giveUp();
    }
    this.#options.onProgress?.({
      seconds: this.#cpus.seconds(),
      of: this.#options.seconds,
      operations: this.#cpus.operations(),
      onlineCpus: this.#machine.onlineCpus().length,
    });
  }

  /** A CPU's function has ended with an error. */
  #problem({ kind, cpu, message, report }: CpuProblem): void {
    if (kind === 'panic') this.#panicked(message, report ?? '');
    else this.#fail(kind, cpu, message, report);
  }

  #panicked(message: string, report: string): void {
    if (this.#panic !== undefined || this.#failure !== undefined) return;
    const kill = panicByKill(message, this.#faults.kills());
    if (kill === undefined) {
      this.#fail('panic', -1, message, report);
    } else if (kill.milliseconds > PANIC_LIMIT_MS) {
      const late = `${message}, ${Math.round(kill.milliseconds)} ms after the kill`;
      this.#fail('panic', -1, `${late}: the limit is ${PANIC_LIMIT_MS} ms`, report);
    } else {
      this.#panic = { message, report, milliseconds: kill.milliseconds };
      this.#hurry();
    }
  }

  #reported(text: string): void {
    if (this.#machine.panicked) return;
    if (isNotice(text)) this.#notices.push(reportTitle(text));
    else this.#fail('report', -1, reportTitle(text), text);
  }

  #fail(kind: StressFailureKind, cpu: number, message: string, report?: string): void {
    if (this.#failure !== undefined) return;
    this.#control.stop(STOP_AT_ONCE);
    const lastOperations = this.#cpus.numbers().map((number) => ({
      cpu: number,
      operations: this.#control.lastOperations(number).map(describeOperation),
    }));
    const details = report === undefined ? {} : { report };
    this.#failure = { kind, cpu, message, lastOperations, ...details };
    this.#hurry();
  }

  /** Frees everything and looks at what is left. */
  async #check(before: Baseline): Promise<Pick<StressResult, 'audit' | 'pages'>> {
    if (this.#machine.panicked || this.#failure?.kind === 'hang')
      return { audit: undefined, pages: undefined };
    let pages: StressResult['pages'];
    if (this.#failure === undefined) {
      try {
        await this.#cpus.settle();
        await this.#cpus.drain();
      } catch (error) {
        this.#fail(
          'exception',
          -1,
          `the end of the run: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
      pages = this.#comparePages(before);
    }
    return { audit: await this.#audit(), pages };
  }

  async #audit(): Promise<AuditReport | undefined> {
    try {
      const audit = await this.#machine.audit();
      if (audit.violations.length > 0) this.#fail('audit', -1, describeViolation(audit.violations[0]));
      return audit;
    } catch (error) {
      this.#fail('audit', -1, `no audit: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  /** Only what was on its way when a CPU died may be missing. */
  #comparePages(before: Baseline): StressResult['pages'] {
    if (this.#failure !== undefined) return undefined;
    const after = freeOrSlabPages(this.#machine.console);
    const missing = [...usedFrames(this.#machine.console)].filter((pfn) => !before.used.has(pfn));
    const allowed = this.#faults.inFlight.reduce((sum, { order }) => sum + (1 << order), 0);
    const lost = before.free - after;
    if (lost < 0 || lost > allowed) {
      const frames = missing.slice(0, 8).map((pfn) => `0x${pfn.toString(16)}`);
      this.#fail(
        'pages',
        -1,
        `${before.free} pages were free before the run and ${after} are now; ` +
          `at most ${allowed} may be missing${frames.length === 0 ? '' : `; still in use: ${frames.join(', ')}`}`,
      );
    }
    return { before: before.free, after, missing };
  }

  #result(
    before: Baseline,
    loaded: readonly number[],
    audit: AuditReport | undefined,
    pages: StressResult['pages'],
  ): StressResult {
    const { console } = this.#machine;
    const { workload, seed, seconds } = this.#options;
    const cpus = cpuResults(this.#machine, this.#control, this.#cpus);
    const total = sumCounts(cpus);
    const numa = { ...globalNumaCounters(console) };
    for (const name of Object.keys(numa) as (keyof NumaCounters)[]) numa[name] -= before.numa[name];
    return {
      verdict: this.#failure !== undefined ? 'failed' : this.#panic !== undefined ? 'panicked' : 'passed',
      workload,
      seed,
      seconds,
      elapsedSeconds: this.#elapsed,
      cpus,
      total,
      operationsPerSecond: total.operations / this.#elapsed,
      numa,
      unusable: {
        before: before.unusable,
        loaded,
        after: this.#unusableNow() ?? loaded,
      },
      faults: this.#faults.results(),
      inFlight: this.#faults.inFlight,
      pages,
      notices: this.#notices,
      audit,
      panic: this.#panic,
      failure: this.#failure,
    };
  }
}

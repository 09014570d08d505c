import { KernelPanic, WaitGivenUp } from '../kernel/core/errors.js';
import type { AuditReport } from '../kernel/debug/audit.js';
import { globalNumaCounters, type NumaCounters } from '../kernel/fs/numa-counters.js';
import { makeContextIdle } from '../kernel/hotplug.js';
import type { Machine } from '../machine/machine.js';
import { StressControl } from './stress-control.js';
import { StressCpus } from './stress-cpus.js';
import { StressFaults } from './stress-faults.js';
import { StressFindings } from './stress-findings.js';
import { freeOrSlabPages, freePages, unusableByOrder, usedFrames } from './stress-memory.js';
import { describeOperation } from './stress-operations.js';
import type { StressOptions } from './stress-options.js';
import { messageOf, problemOf, type StressProblem } from './stress-problem.js';
import type { StressFailureResult, StressResult } from './stress-result.js';
import { RUN, STOP_AND_FREE, STOP_AT_ONCE } from './stress-stop.js';
import { cpuResults, sumCounts } from './stress-totals.js';
import { StressWatch } from './stress-watch.js';
import { within } from './stress-within.js';

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
  readonly #findings: StressFindings<'canary' | 'block', Pick<StressFailureResult, 'cpu' | 'lastOperations'>>;
  readonly #watch: StressWatch;
  #elapsed = 0;

  constructor(machine: Machine, options: StressOptions) {
    this.#machine = machine;
    this.#options = options;
    const share = Math.floor(Math.min(freePages(machine.console), MAX_FILLED_PAGES) / machine.cpus);
    const slots = Math.min(MAX_SLOTS, Math.max(MIN_SLOTS, Math.ceil(share * 1.5)));
    const control = StressControl.create(machine.cpus, slots);
    this.#control = control;
    const task = { buffer: control.buffer, workload: options.workload, seed: options.seed, share };
    const cpus = new StressCpus(machine, control, task, (problem) => {
      this.#problem(problem);
    });
    this.#cpus = cpus;
    this.#faults = new StressFaults(machine, options.faults, {
      runs: () => control.stopState() === RUN,
      onError: (cpu, error) => {
        this.#problem(problemOf(cpu, error));
      },
      cpus,
    });
    this.#findings = new StressFindings(
      machine,
      () => this.#faults.kills(),
      (cpu) => {
        control.stop(STOP_AT_ONCE);
        const lastOperations = cpus.numbers().map((number) => ({
          cpu: number,
          operations: control.lastOperations(number).map(describeOperation),
        }));
        return { cpu, lastOperations };
      },
    );
    this.#watch = new StressWatch(
      machine,
      options,
      () => cpus.operations(),
      () => {
        this.#lookForHangs();
      },
    );
  }

  async run(): Promise<StressResult> {
    return await this.#findings.listen(() => this.#run());
  }

  async #run(): Promise<StressResult> {
    const before = await this.#baseline();
    const loaded = await this.#watch.during(() => this.#work());
    const { audit, pages } = await this.#check(before);
    return this.#result(before, loaded ?? before.unusable, audit, pages);
  }

  /** Lets the CPUs work until the time is over; the unusable free space index under load. */
  async #work(): Promise<number[] | undefined> {
    this.#watch.start();
    this.#cpus.startAll();
    this.#faults.schedule();
    await this.#findings.pause(this.#options.seconds);
    const loaded = this.#unusableNow();
    this.#control.stop(STOP_AND_FREE);
    this.#elapsed = this.#watch.seconds();
    try {
      await within(this.#faults.end(), 'the faults did not end');
    } catch (error) {
      this.#problem(problemOf(-1, error));
    }
    await this.#cpus.end();
    return loaded;
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

  #lookForHangs(): void {
    const cpu = this.#cpus.hanging();
    if (cpu === undefined) return;
    const locks = this.#cpus.locksHeld(cpu);
    const message = `CPU#${cpu} has made no progress for 10 s; locks held: ${locks}`;
    this.#findings.fail('hang', message, undefined, cpu);
    this.#cpus.giveUp();
  }

  /** A CPU's function or a fault has ended with an error. */
  #problem({ kind, cpu, message, report }: StressProblem): void {
    if (kind === 'panic') this.#findings.panicked(message, report);
    else this.#findings.fail(kind, message, report, cpu);
  }

  /** Frees everything and looks at what is left. */
  async #check(before: Baseline): Promise<Pick<StressResult, 'audit' | 'pages'>> {
    if (this.#findings.isMachineLost) return { audit: undefined, pages: undefined };
    let pages: StressResult['pages'];
    if (this.#findings.failure === undefined) {
      try {
        await this.#cpus.settle();
        await this.#cpus.drain();
      } catch (error) {
        this.#findings.fail('exception', `the end of the run: ${messageOf(error)}`);
      }
      pages = this.#comparePages(before);
    }
    return { audit: await this.#findings.audit(), pages };
  }

  /** Only what was on its way when a CPU died may be missing. */
  #comparePages(before: Baseline): StressResult['pages'] {
    if (this.#findings.failure !== undefined) return undefined;
    const after = freeOrSlabPages(this.#machine.console);
    const missing = [...usedFrames(this.#machine.console)].filter((pfn) => !before.used.has(pfn));
    const allowed = this.#faults.inFlight.reduce((sum, { order }) => sum + (1 << order), 0);
    const lost = before.free - after;
    if (lost < 0 || lost > allowed) {
      const frames = missing.slice(0, 8).map((pfn) => `0x${pfn.toString(16)}`);
      this.#findings.fail(
        'pages',
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
      verdict: this.#findings.verdict,
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
      notices: this.#findings.notices,
      audit,
      panic: this.#findings.panic,
      failure: this.#findings.failure,
    };
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditReport } from '../kernel/debug/audit.js';
import { describeViolation } from '../kernel/debug/audit-describe.js';
import type { Machine } from '../machine/machine.js';
import { type CpuProblem, END_LIMIT_MS, problemOf, within } from './stress-cpus.js';
import { type FaultyRun, StressFaults } from './stress-faults.js';
import { freeOrSlabPages } from './stress-memory.js';
import { isNotice, panicByKill, reportTitle } from './stress-reports.js';
import type { StressPanic } from './stress-result.js';
import { StressDevice } from './task-stress-device.js';
import {
  DEFAULT_STRESS_TASKS,
  HANG_SECONDS,
  type TaskCount,
  type TaskStressFailureKind,
  type TaskStressFailureResult,
  type TaskStressOptions,
  type TaskStressResult,
} from './task-stress-result.js';
import { TaskRows } from './task-stress-rows.js';
import { StressTasks, TASK_MODULE } from './task-stress-tasks.js';
import { unpluggedCpus } from './task-stress-unplug.js';
import { MAX_STRESS_TASKS, RUN, STOP, STOP_AT_ONCE, WORLD, type WorldPlan } from './task-stress-world.js';

const WORLD_MODULE = new URL('./task-stress-world.js', import.meta.url).href;

/** The run is looked at so often. Milliseconds. */
const WATCH_MS = 250;

/** How long it may take until all tasks have threads. Milliseconds. */
const START_LIMIT_MS = 120_000;

/** A kill that hits a lock must stop the machine within this time. Milliseconds. */
const PANIC_LIMIT_MS = 2000;

/**
 * Stresses the scheduler of a machine: many tasks count, hand over, sleep, migrate, allocate, and have kernel threads, while
 * a device interrupts the CPUs and these are unplugged and plugged in. Nothing else may run on the machine meanwhile.
 *
 * @returns what was found; a failure is in the result. A machine that has panicked, or on which a task hangs, is of no
 *   more use
 * @throws RangeError for too many tasks, or when a fault names a CPU or a task that there is not
 */
export async function runTaskStress(machine: Machine, options: TaskStressOptions): Promise<TaskStressResult> {
  const { tasks = DEFAULT_STRESS_TASKS, faults = [] } = options;
  if (!Number.isInteger(tasks) || tasks < 1 || tasks > MAX_STRESS_TASKS)
    throw new RangeError(`${tasks} tasks: must be from 1 to ${MAX_STRESS_TASKS}`);
  for (const fault of faults) {
    if (fault.kind !== 'kill-task') machine.cpu(fault.cpu);
    else if (fault.task >= tasks)
      throw new RangeError(`task ${fault.task}: this run has tasks 0 to ${tasks - 1}`);
  }
  const kills = faults.some(({ kind }) => kind !== 'offline');
  const run = (module: string, name: string, args?: unknown): Promise<unknown> => {
    const [cpu = 0] = machine.onlineCpus();
    return within(machine.cpu(cpu).run(module, name, args), END_LIMIT_MS, `${name}() did not end`);
  };
  const plan: WorldPlan = { tasks, kills };
  const block = (await run(WORLD_MODULE, 'buildWorld', plan)) as Block;
  return await new TaskStressRun(machine, options, tasks, block, run).run();
}

/** The memory that the tasks share. */
interface Block {
  readonly pfn: number;
  readonly world: number;
}

/** Runs a function on some CPU. */
type RunOnCpu = (module: string, name: string, args?: unknown) => Promise<unknown>;

class TaskStressRun implements FaultyRun {
  readonly #machine: Machine;
  readonly #options: TaskStressOptions;
  readonly #count: number;
  readonly #block: Block;
  readonly #onCpu: RunOnCpu;
  readonly #rows: TaskRows;
  readonly #tasks: StressTasks;
  readonly #device: StressDevice;
  /** What the user wants, and the CPUs that are unplugged in any case. */
  readonly #faults: StressFaults;
  readonly #unplugged: StressFaults;
  readonly #notices: string[] = [];
  readonly #hurry = new AbortController();
  #failure: TaskStressFailureResult | undefined;
  #panic: StressPanic | undefined;
  #start = 0;
  #elapsed = 0;

  constructor(machine: Machine, options: TaskStressOptions, count: number, block: Block, onCpu: RunOnCpu) {
    this.#machine = machine;
    this.#options = options;
    this.#count = count;
    this.#block = block;
    this.#onCpu = onCpu;
    this.#rows = new TaskRows(machine.image, block.world, count);
    const onError = (error: unknown): void => {
      this.#problem(problemOf(-1, error));
    };
    this.#tasks = new StressTasks(machine, this.#rows, block.world, onError);
    this.#device = new StressDevice(machine, options.seed);
    const onFaultError = (cpu: number, error: unknown): void => {
      this.#problem(problemOf(cpu, error));
    };
    const unplugged = unpluggedCpus(machine.cpus, options.seconds, options.seed);
    this.#faults = new StressFaults(machine, this, options.faults ?? [], onFaultError, this.#tasks);
    this.#unplugged = new StressFaults(machine, this, unplugged, onFaultError);
  }

  async run(): Promise<TaskStressResult> {
    const onReport = (text: string): void => {
      this.#reported(text);
    };
    this.#machine.on('report', onReport);
    const watch = setInterval(() => {
      this.#watch();
    }, WATCH_MS);
    try {
      return await this.#run();
    } finally {
      clearInterval(watch);
      this.#device.stop();
      this.#machine.off('report', onReport);
    }
  }

  async #run(): Promise<TaskStressResult> {
    await this.#onCpu(TASK_MODULE, 'startInterrupts', this.#block.world);
    await this.#onCpu(TASK_MODULE, 'drain');
    const before = freeOrSlabPages(this.#machine.console);
    this.#tasks.spawnAll(this.#count, this.#options.seed);
    await this.#allHaveBegun();
    this.#start = performance.now();
    this.#tasks.go();
    this.#device.start();
    this.#faults.schedule();
    this.#unplugged.schedule();
    await this.#pause(this.#options.seconds * 1000);
    this.#elapsed = (performance.now() - this.#start) / 1000;
    const switches = this.#machine.panicked ? { voluntary: 0, involuntary: 0 } : this.#tasks.switches();
    this.#stop(STOP);
    await this.#attempt('exception', 'the end of the faults', async () => {
      await Promise.all([this.#faults.end(), this.#unplugged.end()]);
    });
    await this.#attempt('hang', 'the end of the tasks', () => this.#tasks.ended());
    this.#device.stop();
    const interrupts = { raised: this.#device.raised, served: this.#rows.shared('served') };
    const operations = this.#rows.operations();
    const moves = this.#rows.moves();
    const { counters, pages, audit } = await this.#check(before);
    const total = Object.values(operations).reduce((sum, times) => sum + times, 0);
    const { seed, seconds } = this.#options;
    const unplugged = this.#unplugged.results().filter(({ outcome }) => outcome !== 'too late');
    const done = unplugged.filter(({ outcome }) => outcome === 'done').length;
    return {
      verdict: this.#failure !== undefined ? 'failed' : this.#panic !== undefined ? 'panicked' : 'passed',
      workload: 'tasks',
      seed,
      seconds,
      elapsedSeconds: this.#elapsed,
      tasks: this.#count,
      operations,
      total,
      operationsPerSecond: total / this.#elapsed,
      counters,
      switches: { ...switches, moves },
      interrupts,
      unplugged: { done, refused: unplugged.length - done },
      faults: this.#faults.results(),
      pages,
      notices: this.#notices,
      audit,
      panic: this.#panic,
      failure: this.#failure,
    };
  }

  async #allHaveBegun(): Promise<void> {
    const limit = performance.now() + START_LIMIT_MS;
    while (!this.#hurry.signal.aborted && this.#tasks.missing().length > 0) {
      await sleep(10);
      if (performance.now() > limit)
        this.#fail('hang', `tasks ${this.#tasks.missing().join(', ')} have not begun`);
    }
  }

  /** Waits, unless something has happened. */
  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#hurry.signal }).catch(() => undefined);
  }

  #watch(): void {
    const { hangSeconds = HANG_SECONDS } = this.#options;
    const hanging = this.#tasks.hanging(hangSeconds);
    if (hanging.length > 0)
      this.#fail('hang', `tasks that have made no progress for ${hangSeconds} s: ${hanging.join(', ')}`);
    this.#options.onProgress?.({
      seconds: this.#start === 0 ? 0 : (performance.now() - this.#start) / 1000,
      of: this.#options.seconds,
      operations: Object.values(this.#rows.operations()).reduce((sum, times) => sum + times, 0),
      onlineCpus: this.#machine.onlineCpus().length,
    });
  }

  // What the faults need to know

  runs(): boolean {
    return this.#rows.shared('stop') === RUN;
  }

  kill(cpu: number): Promise<void> {
    return this.#machine.cpu(cpu).kill();
  }

  /** Between two calls of the host a CPU's own thread has nothing of ours. */
  abandon(): [] {
    return [];
  }

  /** Tasks find their way to a new CPU by themselves. */
  start(): void {}

  /** Tasks go on elsewhere. */
  setUnplugged(): void {}

  // What goes wrong

  #stop(how: number): void {
    const { i32 } = this.#machine.image;
    const word = this.#block.world + WORLD.at.stop;
    if (how === STOP_AT_ONCE) Atomics.store(i32, word, how);
    else Atomics.compareExchange(i32, word, RUN, how);
  }

  #problem({ kind, message, report }: CpuProblem): void {
    if (kind === 'panic') this.#panicked(message, report ?? '');
    else this.#fail('exception', message, report);
  }

  #panicked(message: string, report: string): void {
    if (this.#panic !== undefined || this.#failure !== undefined) return;
    const kill = panicByKill(message, this.#faults.kills());
    if (kill === undefined) {
      this.#fail('panic', message, report);
    } else if (kill.milliseconds > PANIC_LIMIT_MS) {
      const late = `${message}, ${Math.round(kill.milliseconds)} ms after the kill`;
      this.#fail('panic', `${late}: the limit is ${PANIC_LIMIT_MS} ms`, report);
    } else {
      this.#panic = { message, report, milliseconds: kill.milliseconds };
      this.#hurry.abort();
    }
  }

  #reported(text: string): void {
    if (this.#machine.panicked) return;
    if (isNotice(text)) this.#notices.push(reportTitle(text));
    else this.#fail('report', reportTitle(text), text);
  }

  #fail(kind: TaskStressFailureKind, message: string, report?: string): void {
    if (this.#failure !== undefined) return;
    const tasks = this.#tasks.describe();
    this.#stop(STOP_AT_ONCE);
    this.#failure = { kind, message, tasks, ...(report === undefined ? {} : { report }) };
    this.#hurry.abort();
  }

  /** Does something that may fail or hang on a broken machine. After a failure nobody waits long. */
  async #attempt(kind: TaskStressFailureKind, what: string, action: () => Promise<void>): Promise<void> {
    if (this.#failure?.kind === 'hang') return;
    try {
      await within(action(), END_LIMIT_MS, `${what} did not come`);
    } catch (error) {
      if (this.#machine.panicked) return;
      this.#fail(kind, `${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  // The end

  async #check(before: number): Promise<Pick<TaskStressResult, 'counters' | 'pages' | 'audit'>> {
    let counters: TaskCount[] = [];
    let pages: TaskStressResult['pages'];
    const isOver = this.#machine.panicked || this.#failure?.kind === 'hang';
    if (isOver) return { counters, pages, audit: undefined };
    if (this.#failure === undefined) {
      await this.#attempt('exception', 'the end of the run', async () => {
        await this.#tasks.stopKthreads();
        await this.#onCpu(TASK_MODULE, 'endInterrupts', this.#block.world);
        counters = this.#rows.counts(
          (await this.#onCpu(WORLD_MODULE, 'readWorld', this.#block.world)) as number[],
        );
        await this.#onCpu(TASK_MODULE, 'drain');
        pages = { before, after: freeOrSlabPages(this.#machine.console) };
        await this.#onCpu(WORLD_MODULE, 'freeWorld', this.#block);
      });
      this.#compare(counters, pages);
    }
    return { counters, pages, audit: await this.#audit() };
  }

  #compare(counters: readonly TaskCount[], pages: TaskStressResult['pages']): void {
    for (const { name, least, most, counted } of counters) {
      const wanted = least === most ? String(least) : `${least} to ${most}`;
      if (counted < least || counted > most)
        this.#fail('counter', `${name}: ${counted} counted, must be ${wanted}`);
    }
    const lost = pages === undefined ? 0 : pages.before - pages.after;
    if (lost < 0 || lost > this.#tasks.lostPages)
      this.#fail('pages', `${lost} pages are missing, at most ${this.#tasks.lostPages} may be`);
    const left = this.#tasks.left();
    if (left.length > 0) this.#fail('tasks', `tasks that have not ended: ${left.join(', ')}`);
  }

  async #audit(): Promise<AuditReport | undefined> {
    try {
      const audit = await this.#machine.audit();
      if (audit.violations.length > 0) this.#fail('audit', describeViolation(audit.violations[0]));
      return audit;
    } catch (error) {
      this.#fail('audit', `no audit: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}

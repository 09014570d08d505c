import type { Machine } from '../machine/machine.js';
import { StressFaults } from './stress-faults.js';
import { StressFindings } from './stress-findings.js';
import { freeOrSlabPages } from './stress-memory.js';
import { problemOf } from './stress-problem.js';
import { type HowToStop, RUN, STOP_AND_FREE, STOP_AT_ONCE, stopRun } from './stress-stop.js';
import { checkTasks } from './stress-tasks.js';
import { StressWatch } from './stress-watch.js';
import { onSomeCpu } from './stress-within.js';
import { StressDevice } from './task-stress-device.js';
import type { TaskOperation } from './task-stress-names.js';
import {
  DEFAULT_STRESS_TASKS,
  HANG_SECONDS,
  type TaskCount,
  type TaskStressOptions,
  type TaskStressResult,
} from './task-stress-result.js';
import { TaskRows } from './task-stress-rows.js';
import { StressTasks, TASK_MODULE } from './task-stress-tasks.js';
import { unpluggedCpus } from './task-stress-unplug.js';
import { MAX_STRESS_TASKS, WORLD, type WorldPlan } from './task-stress-world.js';

const WORLD_MODULE = new URL('./task-stress-world.js', import.meta.url).href;

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
  checkTasks(machine, tasks, MAX_STRESS_TASKS, faults);
  const kills = faults.some(({ kind }) => kind !== 'offline');
  const plan: WorldPlan = { tasks, kills };
  const block = (await onSomeCpu(machine, WORLD_MODULE, 'buildWorld', plan)) as Block;
  return await new TaskStressRun(machine, options, tasks, block).run();
}

/** The memory that the tasks share. */
interface Block {
  readonly pfn: number;
  readonly world: number;
}

function sumOf(operations: Readonly<Record<TaskOperation, number>>): number {
  return Object.values(operations).reduce((sum, times) => sum + times, 0);
}

class TaskStressRun {
  readonly #machine: Machine;
  readonly #options: TaskStressOptions;
  readonly #count: number;
  readonly #block: Block;
  readonly #rows: TaskRows;
  readonly #tasks: StressTasks;
  readonly #device: StressDevice;
  /** What the user wants, and the CPUs that are unplugged in any case. */
  readonly #faults: StressFaults;
  readonly #unplugged: StressFaults;
  readonly #findings: StressFindings<'counter' | 'tasks', { readonly tasks: readonly string[] }>;
  readonly #watch: StressWatch;
  #elapsed = 0;

  constructor(machine: Machine, options: TaskStressOptions, count: number, block: Block) {
    this.#machine = machine;
    this.#options = options;
    this.#count = count;
    this.#block = block;
    const rows = new TaskRows(machine.image, block.world, count);
    this.#rows = rows;
    const onError = (cpu: number, error: unknown): void => {
      const { kind, message, report } = problemOf(cpu, error);
      if (kind === 'panic') this.#findings.panicked(message, report);
      else this.#findings.fail('exception', message, report);
    };
    this.#tasks = new StressTasks(machine, rows, block.world, onError);
    this.#device = new StressDevice(machine, options.seed);
    const runs = (): boolean => rows.shared('stop') === RUN;
    const unplugged = unpluggedCpus(machine.cpus, options.seconds, options.seed);
    this.#faults = new StressFaults(machine, options.faults, { runs, onError, tasks: this.#tasks });
    this.#unplugged = new StressFaults(machine, unplugged, { runs, onError });
    this.#findings = new StressFindings(
      machine,
      () => this.#faults.kills(),
      () => {
        const tasks = this.#tasks.describe();
        this.#stop(STOP_AT_ONCE);
        return { tasks };
      },
    );
    this.#watch = new StressWatch(
      machine,
      options,
      () => sumOf(rows.operations()),
      () => {
        this.#lookForHangs();
      },
    );
  }

  async run(): Promise<TaskStressResult> {
    try {
      return await this.#findings.listen(() => this.#watch.during(() => this.#run()));
    } finally {
      this.#device.stop();
    }
  }

  async #run(): Promise<TaskStressResult> {
    const findings = this.#findings;
    await this.#onCpu(TASK_MODULE, 'startInterrupts', this.#block.world);
    await this.#onCpu(TASK_MODULE, 'drain');
    const before = freeOrSlabPages(this.#machine.console);
    this.#tasks.spawnAll(this.#count, this.#options.seed);
    await this.#tasks.begun(() => findings.isOver);
    this.#watch.start();
    this.#tasks.go();
    this.#device.start();
    this.#faults.schedule();
    this.#unplugged.schedule();
    await findings.pause(this.#options.seconds);
    this.#elapsed = this.#watch.seconds();
    const switches = this.#machine.panicked ? { voluntary: 0, involuntary: 0 } : this.#tasks.switches();
    this.#stop(STOP_AND_FREE);
    await findings.attempt('exception', 'the end of the faults', async () => {
      await Promise.all([this.#faults.end(), this.#unplugged.end()]);
    });
    await findings.attempt('hang', 'the end of the tasks', () => this.#tasks.ended());
    this.#device.stop();
    const interrupts = { raised: this.#device.raised, served: this.#rows.shared('served') };
    const operations = this.#rows.operations();
    const moves = this.#rows.moves();
    const { counters, pages, audit } = await this.#check(before);
    const total = sumOf(operations);
    const { seed, seconds } = this.#options;
    const unplugged = this.#unplugged.results().filter(({ outcome }) => outcome !== 'too late');
    const done = unplugged.filter(({ outcome }) => outcome === 'done').length;
    return {
      verdict: findings.verdict,
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
      notices: findings.notices,
      audit,
      panic: findings.panic,
      failure: findings.failure,
    };
  }

  #onCpu(module: string, name: string, args?: unknown): Promise<unknown> {
    return onSomeCpu(this.#machine, module, name, args);
  }

  #lookForHangs(): void {
    const hang = this.#tasks.hang(this.#options.hangSeconds ?? HANG_SECONDS);
    if (hang !== undefined) this.#findings.fail('hang', hang);
  }

  #stop(how: HowToStop): void {
    stopRun(this.#machine.image.i32, this.#block.world + WORLD.at.stop, how);
  }

  // The end

  async #check(before: number): Promise<Pick<TaskStressResult, 'counters' | 'pages' | 'audit'>> {
    let counters: TaskCount[] = [];
    let pages: TaskStressResult['pages'];
    if (this.#findings.isMachineLost) return { counters, pages, audit: undefined };
    if (this.#findings.failure === undefined) {
      await this.#findings.attempt('exception', 'the end of the run', async () => {
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
    return { counters, pages, audit: await this.#findings.audit() };
  }

  #compare(counters: readonly TaskCount[], pages: TaskStressResult['pages']): void {
    for (const { name, least, most, counted } of counters) {
      const wanted = least === most ? String(least) : `${least} to ${most}`;
      if (counted < least || counted > most)
        this.#findings.fail('counter', `${name}: ${counted} counted, must be ${wanted}`);
    }
    const lost = pages === undefined ? 0 : pages.before - pages.after;
    if (lost < 0 || lost > this.#tasks.lostPages)
      this.#findings.fail('pages', `${lost} pages are missing, at most ${this.#tasks.lostPages} may be`);
    const left = this.#tasks.left();
    if (left.length > 0) this.#findings.fail('tasks', `tasks that have not ended: ${left.join(', ')}`);
  }
}

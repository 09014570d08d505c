import type { Machine } from '../machine/machine.js';
import { ObjectControl } from './object-stress-control.js';
import {
  MAX_OBJECT_TASKS,
  OBJECT_COUNTERS,
  type ObjectCounter,
  type ObjectStressOptions,
  type ObjectStressResult,
} from './object-stress-result.js';
import type { Settled } from './object-stress-task.js';
import { OBJECT_MODULE, ObjectTasks } from './object-stress-tasks.js';
import type { ObjectTaskPlan } from './object-stress-worker.js';
import { StressFaults } from './stress-faults.js';
import { StressFindings } from './stress-findings.js';
import { freePages } from './stress-memory.js';
import { problemOf } from './stress-problem.js';
import { isNotice, reportTitle } from './stress-reports.js';
import { RUN, STOP_AND_FREE, STOP_AT_ONCE } from './stress-stop.js';
import { checkTasks } from './stress-tasks.js';
import { StressWatch } from './stress-watch.js';
import { onSomeCpu } from './stress-within.js';
import { HANG_SECONDS } from './task-stress-result.js';

/** What the kernel log says of a panic first. */
const PANIC = 'Kernel panic - not syncing: ';

/** What a cache says that cannot end: an object of it went with a task that was killed. */
const OBJECTS_LEFT = 'slab error in kmem_cache_destroy()';

/** Name and objects in use of a line of /proc/slabinfo. */
const SLABINFO_LINE = /^(\S+) +(\d+) /gm;

/** Tasks of a run by default. */
export function defaultObjectTasks(cpus: number): number {
  return Math.min(Math.max(4, 2 * cpus), MAX_OBJECT_TASKS);
}

/**
 * Stresses the slab allocator, kmalloc or memory pools of a machine by tasks, with a canary in every object, and checks in the
 * end that nothing of it is left. Nothing else may run on the machine meanwhile.
 *
 * @returns what was found; a failure is in the result. A machine that has panicked, or on which a task hangs, is of no more use
 * @throws RangeError for too many tasks, or when a fault names a CPU or a task that there is not
 */
export async function runObjectStress(
  machine: Machine,
  options: ObjectStressOptions,
): Promise<ObjectStressResult> {
  const { tasks = defaultObjectTasks(machine.cpus), faults } = options;
  checkTasks(machine, tasks, MAX_OBJECT_TASKS, faults);
  return await new ObjectStressRun(machine, options, tasks).run();
}

/** What is measured at the start, to be compared with at the end. */
interface Baseline {
  readonly free: number;
  /** Objects in use of each cache. */
  readonly objects: ReadonlyMap<string, number>;
}

class ObjectStressRun {
  readonly #machine: Machine;
  readonly #options: ObjectStressOptions;
  readonly #control: ObjectControl;
  readonly #plan: ObjectTaskPlan;
  readonly #tasks: ObjectTasks;
  readonly #faults: StressFaults;
  readonly #findings: StressFindings<'canary' | 'counter' | 'objects', object>;
  readonly #watch: StressWatch;
  #elapsed = 0;
  #lost = 0;

  constructor(machine: Machine, options: ObjectStressOptions, tasks: number) {
    const { workload, seed, faults = [] } = options;
    this.#machine = machine;
    this.#options = options;
    const control = ObjectControl.create(tasks);
    this.#control = control;
    this.#plan = {
      buffer: control.buffer,
      workload,
      number: 0,
      seed,
      nodes: machine.hardware.nodes,
      kills: faults.some(({ kind }) => kind === 'kill-task'),
    };
    const onError = (cpu: number, error: unknown): void => {
      this.#problem(cpu, error);
    };
    this.#tasks = new ObjectTasks(machine, control, onError);
    const runs = (): boolean => control.stopState() === RUN;
    this.#faults = new StressFaults(machine, faults, { runs, onError, tasks: this.#tasks });
    this.#findings = new StressFindings(
      machine,
      () => this.#faults.kills(),
      () => {
        control.stop(STOP_AT_ONCE);
        return {};
      },
    );
    this.#watch = new StressWatch(
      machine,
      options,
      () => control.sum('operations'),
      () => {
        this.#lookForHangs();
      },
    );
  }

  async run(): Promise<ObjectStressResult> {
    return await this.#findings.listen(
      () => this.#run(),
      (text) => {
        this.#reported(text);
      },
    );
  }

  async #run(): Promise<ObjectStressResult> {
    await this.#onCpu('shrinkAll');
    const before = this.#measure();
    await this.#onCpu('setUp', this.#plan);
    await this.#watch.during(() => this.#work());
    return this.#result(await this.#check(before));
  }

  async #work(): Promise<void> {
    const findings = this.#findings;
    this.#tasks.spawnAll(this.#plan);
    await this.#tasks.begun(() => findings.isOver);
    this.#watch.start();
    this.#faults.schedule();
    await findings.pause(this.#options.seconds);
    this.#elapsed = this.#watch.seconds();
    this.#control.stop(STOP_AND_FREE);
    await findings.attempt('exception', 'the end of the faults', () => this.#faults.end());
    await findings.attempt('hang', 'the end of the tasks', () => this.#tasks.ended());
  }

  #result({ pages, audit }: Pick<ObjectStressResult, 'pages' | 'audit'>): ObjectStressResult {
    const { workload, seed, seconds } = this.#options;
    const counters = Object.fromEntries(
      OBJECT_COUNTERS.map((name) => [name, this.#control.sum(name)]),
    ) as Record<ObjectCounter, number>;
    return {
      verdict: this.#findings.verdict,
      workload,
      seed,
      seconds,
      elapsedSeconds: this.#elapsed,
      tasks: this.#control.tasks,
      counters,
      operationsPerSecond: counters.operations / this.#elapsed,
      inFlight: this.#lost,
      pages,
      faults: this.#faults.results(),
      notices: this.#findings.notices,
      audit,
      panic: this.#findings.panic,
      failure: this.#findings.failure,
    };
  }

  #onCpu(name: string, args?: unknown): Promise<unknown> {
    return onSomeCpu(this.#machine, OBJECT_MODULE, name, args);
  }

  #measure(): Baseline {
    const objects = new Map<string, number>();
    for (const [, name, active] of this.#machine.cat('/proc/slabinfo').matchAll(SLABINFO_LINE))
      objects.set(name, Number(active));
    return { free: freePages(this.#machine.console), objects };
  }

  #lookForHangs(): void {
    const hang = this.#tasks.hang(this.#options.hangSeconds ?? HANG_SECONDS);
    if (hang !== undefined) this.#findings.fail('hang', `${hang}; all: ${this.#tasks.describe()}`);
  }

  // What goes wrong

  #problem(cpu: number, error: unknown): void {
    const { kind, message, report } = problemOf(cpu, error);
    if (kind === 'panic') this.#findings.panicked(message, report);
    // A task that notices the panic first says only that.
    else if (this.#machine.panicked) this.#findings.panicked(this.#panicLine() ?? message, report);
    else this.#findings.fail(message.includes('canary broken') ? 'canary' : 'exception', message, report);
  }

  #panicLine(): string | undefined {
    const line = this.#machine
      .dmesg()
      .split('\n')
      .findLast((text) => text.includes(PANIC));
    return line?.slice(line.indexOf(PANIC));
  }

  #reported(text: string): void {
    // What a task finds wrong comes by its result, too.
    if (text.includes('was ended by an exception: ObjectStressFailure')) return;
    const isLost = this.#plan.kills && reportTitle(text).startsWith(OBJECTS_LEFT);
    this.#findings.reported(text, isLost || isNotice(text));
  }

  // The end

  async #check(before: Baseline): Promise<Pick<ObjectStressResult, 'pages' | 'audit'>> {
    if (this.#findings.isMachineLost) return { pages: undefined, audit: undefined };
    let pages: ObjectStressResult['pages'];
    if (this.#findings.failure === undefined) {
      await this.#findings.attempt('exception', 'the end of the run', async () => {
        const { lost, problems } = (await this.#onCpu('settle', this.#plan)) as Settled;
        this.#lost = lost;
        if (problems.length > 0) this.#findings.fail('objects', problems.join('; '));
        await this.#onCpu('shrinkAll');
        const after = this.#measure();
        pages = { before: before.free, after: after.free };
        this.#compare(before, after);
      });
    }
    return { pages, audit: await this.#findings.audit() };
  }

  /** Who was killed inside the kernel may have had an object, or more, that nobody knows of. */
  #compare(before: Baseline, after: Baseline): void {
    if (this.#plan.kills) return;
    const count = (name: ObjectCounter): number => this.#control.sum(name);
    const pairs: readonly [ObjectCounter, ObjectCounter][] = [
      ['allocations', 'frees'],
      ['sent', 'received'],
      ['created', 'destroyed'],
    ];
    for (const [one, other] of pairs)
      if (count(one) !== count(other))
        this.#findings.fail('counter', `${count(one)} ${one}, but ${count(other)} ${other}`);
    for (const [name, objects] of after.objects) {
      const wanted = before.objects.get(name) ?? 0;
      if (objects !== wanted)
        this.#findings.fail(
          'objects',
          `the cache ${name} had ${wanted} objects in use before the run, and has ${objects} now`,
        );
    }
    if (before.free !== after.free)
      this.#findings.fail(
        'pages',
        `${before.free} pages were free before the run, and ${after.free} are now`,
      );
  }
}

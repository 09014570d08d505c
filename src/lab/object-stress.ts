import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditReport } from '../kernel/debug/audit.js';
import { describeViolation } from '../kernel/debug/audit-describe.js';
import type { Machine } from '../machine/machine.js';
import { ObjectControl, RUN, STOP_AND_FREE, STOP_AT_ONCE } from './object-stress-control.js';
import {
  MAX_OBJECT_TASKS,
  OBJECT_COUNTERS,
  type ObjectCounter,
  type ObjectStressFailureKind,
  type ObjectStressFailureResult,
  type ObjectStressOptions,
  type ObjectStressResult,
} from './object-stress-result.js';
import type { Settled } from './object-stress-task.js';
import { OBJECT_MODULE, ObjectTasks } from './object-stress-tasks.js';
import type { ObjectTaskPlan } from './object-stress-worker.js';
import { type CpuProblem, END_LIMIT_MS, problemOf, within } from './stress-cpus.js';
import { type FaultyRun, StressFaults } from './stress-faults.js';
import { freePages } from './stress-memory.js';
import { isNotice, panicByKill, reportTitle } from './stress-reports.js';
import type { StressPanic } from './stress-result.js';
import { HANG_SECONDS } from './task-stress-result.js';

/** The run is looked at so often. Milliseconds. */
const WATCH_MS = 250;

/** How long it may take until all tasks have threads. Milliseconds. */
const START_LIMIT_MS = 120_000;

/** A kill that hits a lock must stop the machine within this time. Milliseconds. */
const PANIC_LIMIT_MS = 2000;

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
  const { tasks = defaultObjectTasks(machine.cpus), faults = [] } = options;
  if (!Number.isInteger(tasks) || tasks < 1 || tasks > MAX_OBJECT_TASKS)
    throw new RangeError(`${tasks} tasks: must be from 1 to ${MAX_OBJECT_TASKS}`);
  for (const fault of faults) {
    if (fault.kind !== 'kill-task') machine.cpu(fault.cpu);
    else if (fault.task >= tasks)
      throw new RangeError(`task ${fault.task}: this run has tasks 0 to ${tasks - 1}`);
  }
  return await new ObjectStressRun(machine, options, tasks).run();
}

/** What is measured at the start, to be compared with at the end. */
interface Baseline {
  readonly free: number;
  /** Objects in use of each cache. */
  readonly objects: ReadonlyMap<string, number>;
}

class ObjectStressRun implements FaultyRun {
  readonly #machine: Machine;
  readonly #options: ObjectStressOptions;
  readonly #control: ObjectControl;
  readonly #plan: ObjectTaskPlan;
  readonly #tasks: ObjectTasks;
  readonly #faults: StressFaults;
  readonly #notices: string[] = [];
  readonly #hurry = new AbortController();
  #failure: ObjectStressFailureResult | undefined;
  #panic: StressPanic | undefined;
  #start = 0;
  #elapsed = 0;
  #lost = 0;

  constructor(machine: Machine, options: ObjectStressOptions, tasks: number) {
    const { workload, seed, faults = [] } = options;
    this.#machine = machine;
    this.#options = options;
    this.#control = ObjectControl.create(tasks);
    this.#plan = {
      buffer: this.#control.buffer,
      workload,
      number: 0,
      seed,
      nodes: machine.hardware.nodes,
      kills: faults.some(({ kind }) => kind === 'kill-task'),
    };
    this.#tasks = new ObjectTasks(machine, this.#control, (error) => {
      this.#problem(problemOf(-1, error));
    });
    const onFaultError = (cpu: number, error: unknown): void => {
      this.#problem(problemOf(cpu, error));
    };
    this.#faults = new StressFaults(machine, this, faults, onFaultError, this.#tasks);
  }

  async run(): Promise<ObjectStressResult> {
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

  async #run(): Promise<ObjectStressResult> {
    await this.#onCpu('shrinkAll');
    const before = this.#measure();
    await this.#onCpu('setUp', this.#plan);
    const watch = setInterval(() => {
      this.#watch();
    }, WATCH_MS);
    try {
      this.#tasks.spawnAll(this.#plan);
      await this.#allHaveBegun();
      this.#start = performance.now();
      this.#faults.schedule();
      await this.#pause(this.#options.seconds * 1000);
      this.#elapsed = this.#seconds();
      this.#control.stop(STOP_AND_FREE);
      await this.#attempt('exception', 'the end of the faults', () => this.#faults.end());
      await this.#attempt('hang', 'the end of the tasks', () => this.#tasks.ended());
    } finally {
      clearInterval(watch);
    }
    return this.#result(await this.#check(before));
  }

  #result({ pages, audit }: Pick<ObjectStressResult, 'pages' | 'audit'>): ObjectStressResult {
    const { workload, seed, seconds } = this.#options;
    const counters = Object.fromEntries(
      OBJECT_COUNTERS.map((name) => [name, this.#control.sum(name)]),
    ) as Record<ObjectCounter, number>;
    return {
      verdict: this.#failure !== undefined ? 'failed' : this.#panic !== undefined ? 'panicked' : 'passed',
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
      notices: this.#notices,
      audit,
      panic: this.#panic,
      failure: this.#failure,
    };
  }

  async #onCpu(name: string, args?: unknown): Promise<unknown> {
    const [cpu = 0] = this.#machine.onlineCpus();
    const done = this.#machine.cpu(cpu).run(OBJECT_MODULE, name, args);
    return await within(done, END_LIMIT_MS, `${name}() did not end`);
  }

  #measure(): Baseline {
    const objects = new Map<string, number>();
    for (const [, name, active] of this.#machine.cat('/proc/slabinfo').matchAll(SLABINFO_LINE))
      objects.set(name, Number(active));
    return { free: freePages(this.#machine.console), objects };
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

  #seconds(): number {
    return this.#start === 0 ? 0 : (performance.now() - this.#start) / 1000;
  }

  #watch(): void {
    const { hangSeconds = HANG_SECONDS } = this.#options;
    const hanging = this.#tasks.hanging(hangSeconds);
    if (hanging.length > 0) {
      const names = hanging.join(', ');
      const all = this.#tasks.describe();
      this.#fail('hang', `tasks that have made no progress for ${hangSeconds} s: ${names}; all: ${all}`);
    }
    this.#options.onProgress?.({
      seconds: this.#seconds(),
      of: this.#options.seconds,
      operations: this.#control.sum('operations'),
      onlineCpus: this.#machine.onlineCpus().length,
    });
  }

  // What the faults need to know

  runs(): boolean {
    return this.#control.stopState() === RUN;
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

  #problem({ kind, message, report }: CpuProblem): void {
    if (kind === 'panic') this.#panicked(message, report ?? '');
    // A task that notices the panic first says only that.
    else if (this.#machine.panicked) this.#panicked(this.#panicLine() ?? message, report ?? '');
    else this.#fail(message.includes('canary broken') ? 'canary' : 'exception', message, report);
  }

  #panicLine(): string | undefined {
    const line = this.#machine
      .dmesg()
      .split('\n')
      .findLast((text) => text.includes(PANIC));
    return line?.slice(line.indexOf(PANIC));
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
    // What a task finds wrong comes by its result, too.
    if (this.#machine.panicked || text.includes('was ended by an exception: ObjectStressFailure')) return;
    const isLost = this.#plan.kills && reportTitle(text).startsWith(OBJECTS_LEFT);
    if (isLost || isNotice(text)) this.#notices.push(reportTitle(text));
    else this.#fail('report', reportTitle(text), text);
  }

  #fail(kind: ObjectStressFailureKind, message: string, report?: string): void {
    if (this.#failure !== undefined) return;
    this.#control.stop(STOP_AT_ONCE);
    this.#failure = { kind, message, ...(report === undefined ? {} : { report }) };
    this.#hurry.abort();
  }

  /** Does something that may fail or hang on a broken machine. After a failure nobody waits long. */
  async #attempt(kind: ObjectStressFailureKind, what: string, action: () => Promise<void>): Promise<void> {
    if (this.#failure?.kind === 'hang') return;
    try {
      await within(action(), END_LIMIT_MS, `${what} did not come`);
    } catch (error) {
      if (this.#machine.panicked) return;
      this.#fail(kind, `${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  // The end

  async #check(before: Baseline): Promise<Pick<ObjectStressResult, 'pages' | 'audit'>> {
    if (this.#machine.panicked || this.#failure?.kind === 'hang')
      return { pages: undefined, audit: undefined };
    let pages: ObjectStressResult['pages'];
    if (this.#failure === undefined) {
      await this.#attempt('exception', 'the end of the run', async () => {
        const { lost, problems } = (await this.#onCpu('settle', this.#plan)) as Settled;
        this.#lost = lost;
        if (problems.length > 0) this.#fail('objects', problems.join('; '));
        await this.#onCpu('shrinkAll');
        const after = this.#measure();
        pages = { before: before.free, after: after.free };
        this.#compare(before, after);
      });
    }
    return { pages, audit: await this.#audit() };
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
        this.#fail('counter', `${count(one)} ${one}, but ${count(other)} ${other}`);
    for (const [name, objects] of after.objects) {
      const wanted = before.objects.get(name) ?? 0;
      if (objects !== wanted)
        this.#fail(
          'objects',
          `the cache ${name} had ${wanted} objects in use before the run, and has ${objects} now`,
        );
    }
    if (before.free !== after.free)
      this.#fail('pages', `${before.free} pages were free before the run, and ${after.free} are now`);
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

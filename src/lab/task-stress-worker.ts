import { CPU_AREA } from '../kernel/core/cpu-area.js';
import { readOnce } from '../kernel/core/access-once.js';
import { TASK } from '../kernel/core/task-struct.js';
import { mayRunOn } from '../kernel/core/tasks.js';
import type { Kernel } from '../kernel/kernel.js';
import { frameWord } from '../kernel/mm/address.js';
import { __GFP_NOWARN, GFP_KERNEL } from '../kernel/mm/gfp.js';
import { checkCanary, describeCanaryFault, writeCanary } from './stress-canary.js';
import { StressRandom } from './stress-random.js';
import { RUN, STOP_AT_ONCE, stopRun } from './stress-stop.js';
import { TASK_COUNTERS, TASK_OPERATIONS, type TaskCounter, type TaskOperation } from './task-stress-names.js';
import { ROW, rowAt, TASK_BLOCKS, WORLD } from './task-stress-world.js';

const BLOCKS = ROW.at.blocks;
const BLOCK_WORDS = 3;

/** What a task has found wrong. */
export class TaskStressFailure extends Error {
  override name = 'TaskStressFailure';
}

/** What every task of a stress run has: its row, its random numbers, its pages. */
export class TaskWorker {
  readonly k: Kernel;
  readonly world: number;
  /** Number of its row. */
  readonly number: number;
  readonly row: number;
  readonly random: StressRandom;
  /** Whether tasks get killed. */
  readonly kills: boolean;
  #cpu = -1;
  #tag = 0;

  constructor(k: Kernel, world: number, number: number, seed: number) {
    this.k = k;
    this.world = world;
    this.number = number;
    this.row = rowAt(world, number);
    this.random = new StressRandom(seed, number);
    this.kills = k.i32[world + WORLD.at.kills] !== 0;
  }

  /** Whether the run goes on. */
  get runs(): boolean {
    return Atomics.load(this.k.i32, this.world + WORLD.at.stop) === RUN;
  }

  /** Ends the run on all CPUs: something is wrong. */
  fail(message: string): never {
    stopRun(this.k.i32, this.world + WORLD.at.stop, STOP_AT_ONCE);
    throw new TaskStressFailure(message);
  }

  /** Shows that the task goes on. */
  beat(): void {
    this.k.i32[this.row + ROW.at.beats]++;
  }

  /** Does an operation, so that others see which. */
  operate(operation: TaskOperation, action: () => void): void {
    const { i32, f64 } = this.k;
    const code = TASK_OPERATIONS.indexOf(operation);
    i32[this.row + ROW.at.detail] = 0;
    i32[this.row + ROW.at.operation] = code + 1;
    action();
    i32[this.row + ROW.at.operation] = 0;
    f64[((this.row + ROW.at.times) >>> 1) + code]++;
    this.beat();
    this.look();
  }

  /** Says more about the operation. */
  detail(value: number): void {
    this.k.i32[this.row + ROW.at.detail] = value;
  }

  /** Adds to a counter by an action; a task that is killed in the middle may or may not have added. */
  add<Value>(counter: TaskCounter, amount: number, action: () => Value): Value {
    const { f64 } = this.k;
    const code = TASK_COUNTERS.indexOf(counter);
    f64[((this.row + ROW.at.begun) >>> 1) + code] += amount;
    const value = action();
    f64[((this.row + ROW.at.done) >>> 1) + code] += amount;
    return value;
  }

  /** Checks that this is the only task on this CPU, that it may run here, and that its context came along. */
  look(): void {
    const { k, world } = this;
    const { i32 } = k;
    k.preempt_disable();
    const { cpu, area } = k;
    const task = k.current();
    const occupant = world + WORLD.at.occupants + cpu;
    i32[occupant] = this.number + 1;
    if (cpu !== this.#cpu) k.f64[(this.row + ROW.at.moves) >>> 1]++;
    this.#cpu = cpu;
    const wrong =
      this.#wrong('the owner of the CPU', Atomics.load(i32, area + CPU_AREA.at.owner), k.platform.thread) ??
      this.#wrong('the CPU given to the task', Atomics.load(i32, task + TASK.at.running), cpu + 1) ??
      this.#wrong('the CPU in the task', k.task_cpu(task), cpu) ??
      this.#wrong('the pid on the CPU', i32[area + CPU_AREA.at.pid], k.task_pid(task)) ??
      this.#wrong('preempt_count', k.preempt_count(), 1) ??
      this.#wrong('whether interrupts are off', k.irqs_disabled(), false) ??
      this.#wrong('whether the CPU is online', k.cpu_online(cpu), true) ??
      this.#wrong('who else is on the CPU', readOnce(k, occupant), this.number + 1);
    k.preempt_enable();
    if (wrong !== undefined) this.fail(wrong);
  }

  #wrong(what: string, found: unknown, wanted: unknown): string | undefined {
    if (found === wanted) return undefined;
    return `${what} ${this.k.cpu}: ${String(found)}, should be ${String(wanted)}`;
  }

  /** Checks that the task, whose CPUs nobody else changes, is on one of them. */
  checkAffinity(): void {
    const { k } = this;
    k.preempt_disable();
    const isHere = mayRunOn(k, k.current(), k.cpu);
    const { cpu } = k;
    k.preempt_enable();
    if (!isHere) this.fail(`the task runs on CPU ${cpu}, where it may not`);
  }

  // Pages

  /** Allocates a block into an empty place, or checks the one that is there and frees it. */
  turnBlock(place: number): void {
    const { i32 } = this.k;
    const at = this.row + BLOCKS + place * BLOCK_WORDS;
    if (i32[at] === 0) this.#allocate(at);
    else this.#free(at);
  }

  #allocate(at: number): void {
    const { k, row } = this;
    const { i32 } = k;
    const order = this.random.oneIn(4) ? this.random.below(4) : 0;
    i32[row + ROW.at.flight] = order + 1;
    const pfn = k.alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
    if (pfn !== 0) {
      const tag = (this.number << 20) | (++this.#tag & 0xfffff);
      writeCanary(i32, frameWord(k, pfn), pfn, order, tag);
      i32[at + 1] = order;
      i32[at + 2] = tag;
      i32[at] = pfn;
    }
    i32[row + ROW.at.flight] = 0;
  }

  #free(at: number): void {
    const { k, row } = this;
    const { i32 } = k;
    const pfn = i32[at];
    const order = i32[at + 1];
    const fault = checkCanary(i32, frameWord(k, pfn), pfn, order, i32[at + 2]);
    if (fault !== undefined) this.fail(describeCanaryFault(fault));
    i32[row + ROW.at.flight] = order + 1;
    i32[at] = 0;
    k.__free_pages(pfn, order);
    i32[row + ROW.at.flight] = 0;
  }

  /** Checks and frees all that the task holds. */
  freeBlocks(): void {
    for (let place = 0; place < TASK_BLOCKS; place++) {
      const at = this.row + BLOCKS + place * BLOCK_WORDS;
      if (this.k.i32[at] !== 0) this.#free(at);
    }
  }
}

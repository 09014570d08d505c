import { locksLost } from '../kernel/hotplug.js';
import { CpuDiedError } from '../machine/machine-errors.js';
import type { Machine } from '../machine/machine.js';
import type { StressControl } from './stress-control.js';
import type { StressTask } from './stress-cpu.js';
import type { FaultyCpus } from './stress-faults.js';
import { problemOf, type StressProblem } from './stress-problem.js';
import { type FlyingBlock, StressTable } from './stress-table.js';
import { within } from './stress-within.js';

/** The functions that run on the CPUs. */
const MODULE = new URL('./stress-cpu.js', import.meta.url).href;

/** A CPU that has made no progress for so long hangs. Milliseconds. */
const HANG_MS = 10_000;

interface CpuState {
  lives: number;
  running: boolean;
  /** Unplugged by a fault: it makes no progress. */
  unplugged: boolean;
  beats: number;
  lastBeat: number;
}

/** The CPUs of a stress run, as its host sees them. */
export class StressCpus implements FaultyCpus {
  readonly #machine: Machine;
  readonly #control: StressControl;
  readonly #task: Omit<StressTask, 'life'>;
  readonly #onProblem: (problem: StressProblem) => void;
  readonly #states = new Map<number, CpuState>();
  readonly #runs = new Set<Promise<void>>();
  readonly #dying = new Set<number>();
  #giveUp: () => void = () => undefined;
  readonly #givenUp: Promise<void>;

  constructor(
    machine: Machine,
    control: StressControl,
    task: Omit<StressTask, 'life'>,
    onProblem: (problem: StressProblem) => void,
  ) {
    this.#machine = machine;
    this.#control = control;
    this.#task = task;
    this.#onProblem = onProblem;
    this.#givenUp = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
  }

  /** The CPUs that have taken part. */
  numbers(): number[] {
    return [...this.#states.keys()].sort((a, b) => a - b);
  }

  lives(cpu: number): number {
    return this.#states.get(cpu)?.lives ?? 0;
  }

  operations(): number {
    return this.numbers().reduce((sum, cpu) => sum + this.#control.count(cpu, 'operations'), 0);
  }

  startAll(): void {
    for (const cpu of this.#machine.onlineCpus()) this.start(cpu);
  }

  /** Starts a CPU, for the first time or again. */
  start(cpu: number): void {
    const lives = this.lives(cpu);
    const state = { lives: lives + 1, running: true, unplugged: false, beats: 0, lastBeat: 0 };
    this.#states.set(cpu, state);
    state.lastBeat = performance.now();
    const task: StressTask = { ...this.#task, life: lives };
    const run = this.#machine
      .cpu(cpu)
      .run(MODULE, 'stress', task)
      .then(
        () => undefined,
        (error: unknown) => {
          if (!(this.#dying.has(cpu) && error instanceof CpuDiedError))
            this.#onProblem(problemOf(cpu, error));
        },
      )
      .finally(() => {
        state.running = false;
        this.#runs.delete(run);
      });
    this.#runs.add(run);
  }

  /** Kills a CPU: its death is no failure. Resolves when the machine has dealt with it. */
  async kill(cpu: number): Promise<void> {
    this.#dying.add(cpu);
    try {
      await this.#machine.cpu(cpu).kill();
    } finally {
      this.#dying.delete(cpu);
    }
  }

  /** A fault unplugs the CPU or has plugged it in. */
  setUnplugged(cpu: number, unplugged: boolean): void {
    const state = this.#states.get(cpu);
    if (state === undefined) return;
    state.unplugged = unplugged;
    state.lastBeat = performance.now();
  }

  /** Leaves the blocks of a dead CPU to others; those on their way when it died. */
  abandon(cpu: number): FlyingBlock[] {
    const flying: FlyingBlock[] = [];
    const flight = this.#control.i32[this.#control.flight(cpu)];
    if (flight !== 0) flying.push({ cpu, doing: 'allocating', order: flight - 1, pfn: 0 });
    this.#control.i32[this.#control.flight(cpu)] = 0;
    for (let table = 0; table < this.#control.cpus; table++) {
      // It may have died while it took care of another one's blocks.
      if (this.#control.ownerOf(table) !== cpu + 1) continue;
      flying.push(...new StressTable(this.#control, table).flying(cpu));
      this.#control.orphanTable(table);
    }
    return flying;
  }

  /** A CPU that has made no progress for too long. */
  hanging(): number | undefined {
    const now = performance.now();
    for (const [cpu, state] of this.#states) {
      const beats = Atomics.load(this.#control.i32, this.#control.beats(cpu));
      if (beats !== state.beats || !state.running || state.unplugged) {
        state.beats = beats;
        state.lastBeat = now;
      }
      if (now - state.lastBeat > HANG_MS) return cpu;
    }
    return undefined;
  }

  locksHeld(cpu: number): string {
    const locks = locksLost(this.#machine.console, cpu);
    return locks.length === 0 ? 'none' : locks.join(', ');
  }

  /** Stops waiting for the functions that run: one hangs. */
  giveUp(): void {
    this.#giveUp();
  }

  /** Waits until all functions have ended. */
  async end(): Promise<void> {
    while (this.#runs.size > 0) {
      const ended = Promise.all(this.#runs).then(() => true);
      const given = this.#givenUp.then(() => false);
      if (!(await Promise.race([ended, given]))) return;
    }
  }

  /** Frees what is left in tables and mailboxes. */
  async settle(): Promise<void> {
    await this.#onSomeCpu('settle');
  }

  /** Empties the page lists of all CPUs. */
  async drain(): Promise<void> {
    await this.#onSomeCpu('drain');
  }

  async #onSomeCpu(name: string): Promise<void> {
    const [cpu = 0] = this.#machine.onlineCpus();
    const done = this.#machine.cpu(cpu).run(MODULE, name, { ...this.#task, life: this.lives(cpu) });
    await within(done, `${name}() did not end on CPU ${cpu}`);
  }
}

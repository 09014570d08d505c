import { HappensBefore, type RacePartner } from '../detect/happens-before.js';
import { LockOrder } from '../detect/lock-order.js';
import type { AccessWatcher } from './access-watcher.js';
import type { AddressMap, ViewInfo } from './address-map.js';
import type { Failure, FailureDetail, FailureKind } from './failure.js';
import type { ExecutorLimits } from './limits.js';
import { OP_CAS, OP_LOCAL, OP_READ, OP_WAIT } from './op.js';
import type { Recorder } from './recorder.js';
import type { Segment } from './schedule.js';
import { SharedTags } from './shared-tags.js';
import { placeOf } from './sites.js';
import type { ExecutionView, Strategy } from './strategy.js';
import type { SimThread } from './thread.js';
import { UndoLog } from './undo-log.js';

/** What all parts of the executor know: the memory, the detectors, and the state of the execution under way. */
export abstract class ExecutionState implements ExecutionView {
  readonly memory: AddressMap;
  readonly tags = new SharedTags();
  readonly undo: UndoLog;
  readonly happensBefore: HappensBefore;
  locks = new LockOrder();
  readonly limits: ExecutorLimits;
  strategy!: Strategy;

  // The current execution.
  sims: readonly SimThread[] = [];
  threads = 0;
  steps = 0;
  /** Hash over all operations and their values: equal for equal executions. */
  hash = 0;
  /** Every operation is a scheduling point, as in a replay. */
  everyPoint = false;
  failure: Failure | null = null;
  /** The strategy has given the execution up. */
  abandoned = false;
  /** Milliseconds of virtual time: it passes only in timed waits. */
  time = 0;
  /** Numbers the calls and returns of the operations on a modelled object. */
  clock = 0;
  recorder: Recorder | null = null;
  watcher: AccessWatcher | null = null;
  /** Runs after every operation that wrote. */
  invariant: (() => void) | null = null;
  readonly segments: Segment[] = [];
  readonly numbers: number[] = [];
  /** Locks were taken in orders that can deadlock, though they did not in this execution. */
  inversion: Failure | null = null;

  /**
   * Threads for what goes on after an Atomics.waitAsync: as many as executions have needed so far. One that needs more is
   * given up, for a strategy must know all threads from the beginning.
   */
  continuations = 0;
  protected hasMoreContinuations = false;

  /** A loop that may end by itself was made to wait for a change: what it does without one was not explored. */
  cutsLoops = false;

  /** Operations of all executions. */
  accesses = 0;

  /** The running thread; null while none runs. */
  current: SimThread | null = null;
  protected readonly i32: Int32Array;
  protected readonly maxSteps: number;
  protected readonly detectsRaces: boolean;
  /** An operation has written since the invariant was checked. */
  protected dirty = false;

  constructor(memory: AddressMap, limits: ExecutorLimits) {
    this.memory = memory;
    this.limits = limits;
    this.undo = new UndoLog(memory);
    this.happensBefore = new HappensBefore(memory.end);
    this.i32 = memory.main;
    this.maxSteps = limits.maxSteps;
    this.detectsRaces = limits.detectRaces;
  }

  // What strategies see.

  kindOf(thread: number): number {
    const t = this.sims[thread];
    if (t.kind === OP_CAS) return this.valueAt(t) === t.a ? OP_CAS : OP_READ;
    if (t.kind === OP_WAIT) return this.valueAt(t) === t.a ? OP_WAIT : OP_READ;
    return t.kind;
  }

  addressOf(thread: number): number {
    const t = this.sims[thread];
    return t.kind === OP_LOCAL ? -1 : t.address;
  }

  sizeOf(thread: number): number {
    const t = this.sims[thread];
    return t.kind === OP_LOCAL ? 0 : t.size;
  }

  isDone(thread: number): boolean {
    return this.sims[thread].done;
  }

  takeGrowth(): boolean {
    const hasMoreThreads = this.hasMoreContinuations;
    this.hasMoreContinuations = false;
    return this.tags.takeGrowth() || hasMoreThreads;
  }

  /** Whether the execution has failed, or was given up. */
  isOver(): boolean {
    return this.failure !== null || this.abandoned;
  }

  /** Ends the execution as a failure; only the first counts. */
  fail(kind: FailureKind, message: string, thread: number, details: readonly FailureDetail[] = []): void {
    this.failure ??= { kind, message, thread, step: this.steps - 1, details };
  }

  /** What a thread has thrown. */
  failError: (t: SimThread, error: unknown) => void = (t, error) => {
    const message = error instanceof Error ? error.message : String(error);
    this.fail('assertion', `${t.name}: ${message.split('\n')[0]}`, t.id);
  };

  /** How reports call an address. */
  nameOf: (address: number, size: number, info: ViewInfo | null) => string = (address, _size, info) =>
    this.memory.plainName(address, info);

  protected pendingName(t: SimThread): string {
    return this.nameOf(t.address, t.size, this.memory.infoOf(t.view));
  }

  /** Where the pending operation of a thread stands. */
  protected pendingPlace(t: SimThread): string {
    return t.site === 0 ? (t.calls.at(-1) ?? 'an unknown place') : placeOf(t.site);
  }

  protected reportRace(t: SimThread, other: RacePartner, verb: string): void {
    const partner = this.sims[other.thread];
    const past = other.isWrite ? 'wrote' : 'read';
    this.fail(
      'race',
      `${t.name} ${verb} ${this.pendingName(t)} at ${placeOf(t.site)}, which ${partner.name} ${past} at ` +
        `${placeOf(other.site)}, and nothing orders the two`,
      t.id,
      [{ heading: `${partner.name} ${past} it here, before`, step: other.step - 1, lines: [] }],
    );
  }

  protected mix(t: SimThread, value: number | bigint): void {
    const low = typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : value | 0;
    const hash = Math.imul(this.hash ^ t.address ^ (t.id << 26) ^ (t.kind << 20), 0x85ebca6b);
    this.hash = Math.imul(hash ^ (hash >>> 13) ^ low, 0xc2b2ae35);
  }

  protected valueAt(t: SimThread): number | bigint {
    return t.view === null ? 0 : t.view[t.index];
  }
}

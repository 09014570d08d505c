import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';

import { HappensBefore, type RacePartner } from '../../../src/race/detect/happens-before.js';
import { MODE_ATOMIC, MODE_MARKED, MODE_PLAIN } from '../../../src/race/engine/op.js';

const THREADS = 4;
const BYTES = 32;

interface Access {
  readonly kind: 'access';
  readonly thread: number;
  readonly address: number;
  readonly size: number;
  readonly mode: number;
  readonly reads: boolean;
  readonly writes: boolean;
}

interface Sync {
  readonly kind: 'acquire' | 'release' | 'waiters' | 'wake' | 'fork' | 'join';
  readonly thread: number;
  /** The lock, or the other thread. */
  readonly other: number;
}

/** One step of a random program; `daring` ones are done although they race, and end the execution. */
interface Step {
  readonly operation: Access | Sync;
  readonly daring: boolean;
}

/** Everything that happened in an execution, and before each event the set of those that happen before it. */
class FullHistory {
  readonly #events: { operation: Access | Sync; before: Set<number> }[] = [];
  readonly #lastOfThread: (number | undefined)[] = [];
  /** Events that a thread's next event comes after, besides its own last one. */
  readonly #pending: number[][] = Array.from({ length: THREADS }, () => []);
  readonly #lastWriter: (number | undefined)[] = [];
  readonly #releases: number[][] = [];
  readonly #lastVisit: (number | undefined)[] = [];

  /** The earlier accesses that this one would race with. */
  racesOf(access: Access): number[] {
    const before = this.#before(access);
    const races: number[] = [];
    this.#events.forEach(({ operation }, i) => {
      if (operation.kind === 'access' && !before.has(i) && isConflict(operation, access)) races.push(i);
    });
    return races;
  }

  add(operation: Access | Sync): number {
    const event = this.#events.length;
    const before = this.#before(operation);
    this.#events.push({ operation, before });
    this.#pending[operation.thread] = [];
    this.#lastOfThread[operation.thread] = event;
    if (operation.kind === 'access') {
      if (!operation.writes) return event;
      for (let i = 0; i < operation.size; i++) this.#lastWriter[operation.address + i] = event;
    } else if (operation.kind === 'release') {
      (this.#releases[operation.other] ??= []).push(event);
    } else if (operation.kind === 'waiters') {
      this.#lastVisit[operation.other] = event;
    } else if (operation.kind === 'wake' || operation.kind === 'fork') {
      this.#pending[operation.other].push(event);
    }
    return event;
  }

  get(event: number): Access {
    const { operation } = this.#events[event];
    if (operation.kind !== 'access') throw new Error('not an access');
    return operation;
  }

  #before(operation: Access | Sync): Set<number> {
    const direct = [this.#lastOfThread[operation.thread], ...this.#pending[operation.thread]];
    if (operation.kind === 'access') direct.push(this.#storeReadBy(operation));
    if (operation.kind === 'acquire') direct.push(...(this.#releases[operation.other] ?? []));
    if (operation.kind === 'waiters') direct.push(this.#lastVisit[operation.other]);
    if (operation.kind === 'join') {
      direct.push(this.#lastOfThread[operation.other], ...this.#pending[operation.other]);
    }
    const before = new Set<number>();
    for (const event of direct) {
      if (event === undefined) continue;
      before.add(event);
      for (const earlier of this.#events[event].before) before.add(earlier);
    }
    return before;
  }

  /** The atomic store of the same range that left all the bytes that an atomic load reads. */
  #storeReadBy(access: Access): number | undefined {
    if (access.mode !== MODE_ATOMIC || !access.reads) return undefined;
    const writer = this.#lastWriter[access.address];
    if (writer === undefined) return undefined;
    for (let i = 1; i < access.size; i++) {
      if (this.#lastWriter[access.address + i] !== writer) return undefined;
    }
    const store = this.get(writer);
    const isSame = store.address === access.address && store.size === access.size;
    return isSame && store.mode === MODE_ATOMIC ? writer : undefined;
  }
}

function isConflict(a: Access, b: Access): boolean {
  if (a.mode === MODE_MARKED || b.mode === MODE_MARKED || !(a.writes || b.writes)) return false;
  const isSame = a.address === b.address && a.size === b.size;
  if (a.mode === MODE_ATOMIC && b.mode === MODE_ATOMIC && isSame) return false;
  return a.address < b.address + b.size && b.address < a.address + a.size;
}

/** Tells the detector; sites are three times the number of the event. */
function perform(detector: HappensBefore, operation: Access | Sync, event: number): RacePartner | undefined {
  const { thread } = operation;
  switch (operation.kind) {
    case 'access': {
      const { address, size, mode, reads, writes } = operation;
      if (reads && writes) return detector.readWrite(thread, address, size, event * 3, event);
      if (writes) return detector.write(thread, address, size, mode, event * 3, event);
      return detector.read(thread, address, size, mode, event * 3, event);
    }
    case 'acquire':
      detector.acquire(thread, operation.other);
      break;
    case 'release':
      detector.release(thread, operation.other);
      break;
    case 'waiters':
      detector.visitWaiters(thread, operation.other);
      break;
    case 'wake':
      detector.wake(thread, operation.other);
      break;
    case 'fork':
      detector.fork(thread, operation.other);
      break;
    case 'join':
      detector.join(thread, operation.other);
  }
  return undefined;
}

const thread = fc.nat(THREADS - 1);
/** Mostly the same few words. */
const aligned = fc.tuple(fc.constantFrom(4, 4, 4, 1, 2, 8), fc.nat(BYTES - 1), fc.boolean());
const place = aligned.map(([size, at, isFar]) => ({
  size,
  address: Math.floor((isFar ? at : at % 8) / size) * size,
}));
const anywhere = fc
  .tuple(fc.nat(BYTES - 1), fc.integer({ min: 1, max: BYTES }))
  .map(([address, size]) => ({ address, size: Math.min(size, BYTES - address) }));

function access(where: fc.Arbitrary<{ address: number; size: number }>, modes: readonly number[]) {
  return fc
    .tuple(thread, where, fc.constantFrom(...modes), fc.constantFrom('read', 'write', 'both'))
    .map(([by, { address, size }, mode, what]): Access => {
      const isBoth = what === 'both' && mode === MODE_ATOMIC;
      const writes = isBoth || what === 'write';
      return { kind: 'access', thread: by, address, size, mode, reads: isBoth || !writes, writes };
    });
}

const sync = fc
  .tuple(
    fc.constantFrom<Sync['kind'][]>(
      'acquire',
      'release',
      'acquire',
      'release',
      'waiters',
      'wake',
      'fork',
      'join',
    ),
    thread,
    fc.nat(THREADS - 1),
  )
  .map(([kind, by, other]): Sync => ({ kind, thread: by, other }));

const step: fc.Arbitrary<Step> = fc.record({
  operation: fc.oneof(
    { weight: 6, arbitrary: access(place, [MODE_PLAIN, MODE_ATOMIC]) },
    { weight: 4, arbitrary: access(place, [MODE_ATOMIC]) },
    { weight: 1, arbitrary: access(place, [MODE_MARKED]) },
    { weight: 1, arbitrary: access(anywhere, [MODE_PLAIN]) },
    { weight: 3, arbitrary: sync },
  ),
  daring: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});

describe('the race detector', () => {
  test.prop([fc.array(step, { maxLength: 150, size: 'max' })], { numRuns: 300 })(
    'finds the races that a comparison of every access with every other one finds',
    (steps) => {
      const detector = new HappensBefore(BYTES);
      detector.begin(THREADS);
      let full = new FullHistory();
      for (const { operation, daring } of steps) {
        const races = operation.kind === 'access' ? full.racesOf(operation) : [];
        if (races.length > 0 && !daring) continue;
        const event = full.add(operation);
        const partner = perform(detector, operation, event);
        expect(partner !== undefined).toBe(races.length > 0);
        if (partner === undefined) continue;
        // The partner is an access that races with this one, told as it was.
        expect(races).toContain(partner.step);
        const { address, size, mode, writes, thread: by } = full.get(partner.step);
        expect(partner).toEqual({
          ...{ address, size, mode, thread: by, isWrite: writes },
          ...{ step: partner.step, site: partner.step * 3 },
        });
        full = new FullHistory();
        detector.begin(THREADS);
      }
    },
  );
});

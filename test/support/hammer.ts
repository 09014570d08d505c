import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { KERNEL, SYSTEM_PANIC } from '../../src/kernel/core/kernel-data.js';
import { heldLocks } from '../../src/kernel/core/lock-report.js';
import { lock_class } from '../../src/kernel/sync/lockdep.js';
import { rwlock_init } from '../../src/kernel/sync/rwlock.js';
import { seqlock_init } from '../../src/kernel/sync/seqlock.js';
import { spin_lock_init } from '../../src/kernel/sync/spinlock.js';
import { ThreadsPlatform } from '../../src/machine/threads-platform.js';
import { createLockImage, firstFreeWord, LockCpu } from './lock-cpu.js';
import { loneHost } from './lone-host.js';

/** What a thread of lock-hammer.ts gets. */
export interface Hammer {
  readonly buffer: SharedArrayBuffer;
  readonly epoch: bigint;
  readonly nrCpus: number;
  readonly cpu: number;
  readonly debug: number;
  readonly lock: HammeredLock;
  readonly rounds: number;
  readonly warmUpRounds: number;
}

export type HammeredLock = 'atomic' | 'spin' | 'rw' | 'seq' | 'write';

/** Where things lie, in words behind the first free one; a cache line each. From `warmUp` on, `words` for each CPU. */
export const HAMMER = {
  lock: 0,
  pair: 16,
  started: 32,
  go: 48,
  torn: 64,
  done: 80,
  warmUp: 96,
  words: 32,
} as const;

/** Rounds of an rwlock or seqlock user that write: one in so many. */
export const WRITE_EVERY = 4;

export interface HammerResult {
  readonly milliseconds: number;
  readonly first: number;
  readonly second: number;
  readonly torn: number;
  /** The lock word at the end. */
  readonly word: number;
}

/** What became of the lock when a thread was killed in the middle of it. */
export interface KillResult {
  /** Whether the dead CPU's list said that it held the lock. */
  readonly held: boolean;
  /** The lock word: after the others had finished, or, if the lock was held, when they had stopped. */
  readonly word: number;
  /** How the threads ended that did not return. */
  readonly errors: readonly string[];
}

interface Running {
  readonly k: LockCpu;
  readonly base: number;
  readonly workers: readonly Worker[];
  readonly failures: readonly Error[];
  /** Resolves when all threads are gone. */
  readonly ended: Promise<unknown>;
}

/** Lets `threads` CPUs, a thread each, use one lock `rounds` times each, and waits for the end. */
export async function runHammer(
  lock: HammeredLock,
  threads: number,
  rounds: number,
  options: { debug?: number; warmUpRounds?: number } = {},
): Promise<HammerResult> {
  const { k, base, failures, ended } = await startHammer(lock, threads, () => rounds, options);
  const start = process.hrtime.bigint();
  await untilEquals(k.i32, base + HAMMER.done, threads, failures);
  const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;
  await ended;
  return {
    milliseconds,
    first: k.i32[base + HAMMER.pair],
    second: k.i32[base + HAMMER.pair + 1],
    torn: k.i32[base + HAMMER.torn],
    word: k.i32[base + HAMMER.lock],
  };
}

/** Kills one of three threads while all use one lock; the others go on, or stop if it had the lock. */
export async function killHammer(lock: HammeredLock, rounds: number, afterMs: number): Promise<KillResult> {
  const { k, base, workers, failures, ended } = await startHammer(
    lock,
    3,
    (cpu) => (cpu === 0 ? 1e12 : rounds),
    {},
  );
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  await workers[0].terminate();
  const held = heldLocks(k, 0).length > 0;
  if (held) Atomics.store(k.i32, KERNEL.system_state, SYSTEM_PANIC);
  else await untilEquals(k.i32, base + HAMMER.done, 2, failures);
  await ended;
  return { held, word: k.i32[base + HAMMER.lock], errors: failures.map((error) => error.message) };
}

async function startHammer(
  lock: HammeredLock,
  threads: number,
  roundsOf: (cpu: number) => number,
  { debug = 0, warmUpRounds = 0 }: { debug?: number; warmUpRounds?: number },
): Promise<Running> {
  const url = hammerModule();
  const image = createLockImage(threads);
  const { i32, buffer } = image;
  const base = firstFreeWord(threads);
  const epoch = process.hrtime.bigint();
  const k = new LockCpu(image, new ThreadsPlatform(i32, threads + 1, epoch, loneHost), 0, debug);
  initLock(k, base, lock);
  const failures: Error[] = [];
  const workers: Worker[] = [];
  for (let cpu = 0; cpu < threads; cpu++) {
    const rounds = roundsOf(cpu);
    const workerData: Hammer = { buffer, epoch, nrCpus: threads, cpu, debug, lock, rounds, warmUpRounds };
    const worker = new Worker(url, { workerData });
    worker.on('error', (error) => failures.push(error));
    workers.push(worker);
  }
  const ended = Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))));
  await untilEquals(i32, base + HAMMER.started, threads, failures);
  Atomics.store(i32, base + HAMMER.go, 1);
  Atomics.notify(i32, base + HAMMER.go);
  return { k, base, workers, failures, ended };
}

function initLock(k: LockCpu, lock: number, kind: HammeredLock): void {
  const lockClass = k.debug === 0 ? 0 : lock_class(k, kind);
  if (kind === 'spin') spin_lock_init(k, lock, lockClass);
  if (kind === 'rw' || kind === 'write') rwlock_init(k, lock, lockClass);
  if (kind === 'seq') seqlock_init(k, lock, lockClass);
}

/** The compiled module: threads cannot load TypeScript. The caller may be compiled too. */
function hammerModule(): URL {
  for (const path of ['../modules/lock-hammer.js', '../../dist/test/modules/lock-hammer.js']) {
    const url = new URL(path, import.meta.url);
    if (existsSync(url)) return url;
  }
  throw new Error('dist/test/modules/lock-hammer.js is missing: run `npm run build` first');
}

/** Looks every millisecond; a timer, unlike Atomics.waitAsync, keeps the process alive meanwhile. */
async function untilEquals(
  i32: Int32Array,
  word: number,
  value: number,
  failures: readonly Error[],
): Promise<void> {
  while (Atomics.load(i32, word) !== value) {
    if (failures.length > 0) throw failures[0];
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

import { readOnce } from '../../src/kernel/core/access-once.js';
import type { Cpu } from '../../src/kernel/core/cpu.js';
import { read_lock, read_unlock, write_lock, write_unlock } from '../../src/kernel/sync/rwlock.js';
import {
  read_seqbegin,
  read_seqretry,
  write_seqlock,
  write_sequnlock,
} from '../../src/kernel/sync/seqlock.js';
import {
  spin_lock,
  spin_lock_irqsave,
  spin_unlock,
  spin_unlock_irqrestore,
} from '../../src/kernel/sync/spinlock.js';
import { ThreadsPlatform } from '../../src/machine/threads-platform.js';
import { runHammer, type HammeredLock } from '../support/hammer.js';
import { createLockImage, firstFreeWord, LockCpu } from '../support/lock-cpu.js';
import { loneHost } from '../support/lone-host.js';

/** A row of the lock bench: what was done, by how many threads, nanoseconds for one, and that in bare Atomics.add. */
export interface LockRow {
  readonly what: string;
  readonly threads: number;
  readonly nanoseconds: number;
  readonly atomicAdds: number;
}

const ROUNDS = 2_000_000;
const REPEATS = 5;
/** Shared by the threads of a contended run. */
const CONTENDED_ROUNDS = 6_400_000;
/** Of each thread, before the contended rounds. */
const WARM_UP_ROUNDS = 50_000;
const CONTENDED_REPEATS = 3;

/** Measures locks: uncontended ones, and one lock that 2 to 16 threads want all the time. */
export async function benchLocks(): Promise<LockRow[]> {
  const rows: LockRow[] = [];
  const atomicAdd = measure(atomicAdds);
  const add = (what: string, threads: number, nanoseconds: number): void => {
    rows.push({ what, threads, nanoseconds, atomicAdds: nanoseconds / atomicAdd });
  };
  add('Atomics.add', 1, atomicAdd);
  add('spin_lock + spin_unlock', 1, measure(spins));
  add('spin_lock_irqsave + spin_unlock_irqrestore', 1, measure(spinsIrq));
  add('read_lock + read_unlock', 1, measure(reads));
  add('write_lock + write_unlock', 1, measure(writes));
  add('seqlock write', 1, measure(seqWrites));
  add('seqlock read', 1, measure(seqReads));
  for (const lock of ['atomic', 'spin', 'write', 'rw', 'seq'] satisfies HammeredLock[]) {
    for (const threads of [2, 4, 8, 16]) add(`contended ${lock}`, threads, await contended(lock, threads));
  }
  return rows;
}

/** Nanoseconds of elapsed time for one round, all threads together; the median. */
async function contended(lock: HammeredLock, threads: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < CONTENDED_REPEATS; i++) {
    const { milliseconds } = await runHammer(lock, threads, CONTENDED_ROUNDS / threads, {
      warmUpRounds: WARM_UP_ROUNDS,
    });
    times.push((milliseconds * 1e6) / CONTENDED_ROUNDS);
  }
  return median(times);
}

function measure(work: (k: Cpu, word: number, rounds: number) => void): number {
  const image = createLockImage(1);
  const k = new LockCpu(image, new ThreadsPlatform(image.i32, 1, process.hrtime.bigint(), loneHost), 0);
  const times: number[] = [];
  for (let i = 0; i < REPEATS + 1; i++) {
    const start = process.hrtime.bigint();
    work(k, firstFreeWord(1), ROUNDS);
    times.push(Number(process.hrtime.bigint() - start) / ROUNDS);
  }
  // The first one compiles.
  return median(times.slice(1));
}

function atomicAdds(k: Cpu, word: number, rounds: number): void {
  for (let i = 0; i < rounds; i++) Atomics.add(k.i32, word, 1);
}

function spins(k: Cpu, word: number, rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    spin_lock(k, word);
    spin_unlock(k, word);
  }
}

function spinsIrq(k: Cpu, word: number, rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    const flags = spin_lock_irqsave(k, word);
    spin_unlock_irqrestore(k, word, flags);
  }
}

function reads(k: Cpu, word: number, rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    read_lock(k, word);
    read_unlock(k, word);
  }
}

function writes(k: Cpu, word: number, rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    write_lock(k, word);
    write_unlock(k, word);
  }
}

function seqWrites(k: Cpu, word: number, rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    write_seqlock(k, word);
    write_sequnlock(k, word);
  }
}

function seqReads(k: Cpu, word: number, rounds: number): void {
  let sum = 0;
  for (let i = 0; i < rounds; i++) {
    let sequence: number;
    do {
      sequence = read_seqbegin(k, word);
      sum += readOnce(k, word + 8);
    } while (read_seqretry(k, word, sequence));
  }
  k.i32[word + 9] = sum;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

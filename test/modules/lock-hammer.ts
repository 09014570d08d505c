import { workerData } from 'node:worker_threads';
import { MemoryImage } from '../../src/image/memory-image.js';
import { read_lock, read_unlock, write_lock, write_unlock } from '../../src/kernel/sync/rwlock.js';
import {
  read_seqbegin,
  read_seqretry,
  write_seqlock,
  write_sequnlock,
} from '../../src/kernel/sync/seqlock.js';
import { readOnce, writeOnce } from '../../src/kernel/core/access-once.js';
import type { Cpu } from '../../src/kernel/core/cpu.js';
import { spin_lock, spin_unlock } from '../../src/kernel/sync/spinlock.js';
import { ThreadsPlatform } from '../../src/machine/threads-platform.js';
import { HAMMER, WRITE_EVERY, type Hammer, type HammeredLock } from '../support/hammer.js';
import { loneHost } from '../support/lone-host.js';
import { firstFreeWord, LockCpu } from '../support/lock-cpu.js';

/** A thread that is one CPU of a lock machine and uses one lock as fast as it can. */

const hammer = workerData as Hammer;
const image = new MemoryImage(hammer.buffer);
const base = firstFreeWord(hammer.nrCpus);
const platform = new ThreadsPlatform(image.i32, hammer.cpu + 1, hammer.epoch, loneHost);
const cpu = new LockCpu(image, platform, hammer.cpu, hammer.debug);

// The compiler of each thread gets to know the code before the measured rounds, on a lock of its own.
use(cpu, base + HAMMER.warmUp + hammer.cpu * HAMMER.words, hammer.lock, hammer.warmUpRounds);
start(cpu);
use(cpu, base, hammer.lock, hammer.rounds);
Atomics.add(image.i32, base + HAMMER.done, 1);
Atomics.notify(image.i32, base + HAMMER.done);

function start(k: Cpu): void {
  Atomics.add(k.i32, base + HAMMER.started, 1);
  Atomics.notify(k.i32, base + HAMMER.started);
  while (Atomics.load(k.i32, base + HAMMER.go) === 0) Atomics.wait(k.i32, base + HAMMER.go, 0);
}

function use(k: Cpu, at: number, lock: HammeredLock, rounds: number): void {
  if (lock === 'atomic') for (let i = 0; i < rounds; i++) Atomics.add(k.i32, at + HAMMER.pair, 1);
  if (lock === 'spin') for (let i = 0; i < rounds; i++) spinRound(k, at);
  if (lock === 'write') for (let i = 0; i < rounds; i++) writeRound(k, at);
  if (lock === 'rw') {
    for (let i = 0; i < rounds; i++) {
      if (i % WRITE_EVERY === 0) writeRound(k, at);
      else readRound(k, at);
    }
  }
  if (lock === 'seq') {
    for (let i = 0; i < rounds; i++) {
      if (i % WRITE_EVERY === 0) seqWriteRound(k, at);
      else seqReadRound(k, at);
    }
  }
}

function spinRound(k: Cpu, at: number): void {
  spin_lock(k, at + HAMMER.lock);
  bump(k, at);
  spin_unlock(k, at + HAMMER.lock);
}

function writeRound(k: Cpu, at: number): void {
  write_lock(k, at + HAMMER.lock);
  bump(k, at);
  write_unlock(k, at + HAMMER.lock);
}

function readRound(k: Cpu, at: number): void {
  read_lock(k, at + HAMMER.lock);
  check(k, k.i32[at + HAMMER.pair], k.i32[at + HAMMER.pair + 1]);
  read_unlock(k, at + HAMMER.lock);
}

function seqWriteRound(k: Cpu, at: number): void {
  write_seqlock(k, at + HAMMER.lock);
  writeOnce(k, at + HAMMER.pair, k.i32[at + HAMMER.pair] + 1);
  writeOnce(k, at + HAMMER.pair + 1, k.i32[at + HAMMER.pair + 1] + 1);
  write_sequnlock(k, at + HAMMER.lock);
}

function seqReadRound(k: Cpu, at: number): void {
  let sequence: number;
  let first: number;
  let second: number;
  do {
    sequence = read_seqbegin(k, at + HAMMER.lock);
    first = readOnce(k, at + HAMMER.pair);
    second = readOnce(k, at + HAMMER.pair + 1);
  } while (read_seqretry(k, at + HAMMER.lock, sequence));
  check(k, first, second);
}

function bump(k: Cpu, at: number): void {
  k.i32[at + HAMMER.pair]++;
  k.i32[at + HAMMER.pair + 1]++;
}

function check(k: Cpu, first: number, second: number): void {
  if (first !== second) Atomics.add(k.i32, base + HAMMER.torn, 1);
}

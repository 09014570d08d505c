import { readOnce } from './access-once.js';
import { WARN } from './bug.js';
import type { Cpu } from './cpu.js';
import { CPU_AREA } from './cpu-area.js';
import { KERNEL } from './kernel-data.js';
import { MAX_LOCKS_HELD } from './limits.js';
import { HELD_LOCK_MASK, HELD_READ, LOCK_OWNER_MASK, LOCK_READER } from './lock-word.js';
import { depotText } from './stack-depot.js';

/**
 * What reports say of locks: who holds them, since when, taken where. Any thread. The lists of others may change
 * meanwhile: a deliberate race.
 */

/** Mark in `held_trace`: the order checker has seen this lock taken, so the word behind the lock is its class. */
export const TRACE_CHECKED = 1 << 30;

const LOCKUP = 'BUG: spinlock lockup';

/**
 * Reports a lock that has been waited for too long: who holds it, and where it was taken if `debug.locks` recorded
 * that.
 *
 * @param value the lock word, as the waiter saw it
 * @param milliseconds how long it has been waited for
 */
export function reportLongWait(k: Cpu, lock: number, value: number, milliseconds: number): void {
  const owner = (value & LOCK_OWNER_MASK) - 1;
  const owners = owner >= 0 ? [owner] : readersOf(k, lock);
  const names = owners.length === 0 ? 'unknown' : `CPU#${owners.join(', CPU#')}`;
  const lines = [
    `${LOCKUP} on CPU#${k.cpu}, lock: ${k.nameOf(lock)}, ${owner >= 0 ? 'owner' : 'readers'}: ${names}, ` +
      `${Math.round(milliseconds)} ms`,
  ];
  for (const cpu of owners) {
    const site = holdSite(k, lock, cpu);
    if (site !== '') lines.push(`lock taken on CPU#${cpu} at:`, site);
  }
  // A report goes through the log; one about the log's own lock would wait for it again.
  if (lock === KERNEL.logbuf_lock) k.platform.report(lines.join('\n'));
  else WARN(k, lines.join('\n'));
}

/** Reports a lock that this CPU has held too long. */
export function reportLongHold(k: Cpu, lock: number, milliseconds: number): void {
  const site = holdSite(k, lock, k.cpu);
  WARN(
    k,
    `BUG: lock held too long on CPU#${k.cpu}, lock: ${k.nameOf(lock)}, ${Math.round(milliseconds)} ms` +
      (site === '' ? '' : `\nlock taken at:\n${site}`),
  );
}

/** The trace of where a CPU took a lock it holds; empty when that was not recorded. */
export function holdSite(k: Cpu, lock: number, cpu: number): string {
  const { i32 } = k;
  const area = i32[KERNEL.cpu_area + cpu];
  for (let i = 0; i < heldCount(k, cpu); i++) {
    if ((readOnce(k, area + CPU_AREA.at.held + i) & HELD_LOCK_MASK) !== lock) continue;
    return depotText(k, readOnce(k, area + CPU_AREA.at.held_trace + i) & ~TRACE_CHECKED);
  }
  return '';
}

/** The locks in a CPU's list that it really holds, each once, innermost last. Right also after the CPU's death. */
export function heldLocks(k: Cpu, cpu: number): number[] {
  const { i32 } = k;
  const area = i32[KERNEL.cpu_area + cpu];
  const locks: number[] = [];
  for (let i = 0; i < heldCount(k, cpu); i++) {
    const entry = readOnce(k, area + CPU_AREA.at.held + i);
    const lock = entry & HELD_LOCK_MASK;
    // The list is written before the lock is taken and after it is released; the word decides.
    const value = Atomics.load(i32, lock);
    const isHeld = (entry & HELD_READ) === 0 ? (value & LOCK_OWNER_MASK) === cpu + 1 : value >= LOCK_READER;
    if (isHeld && !locks.includes(lock)) locks.push(lock);
  }
  return locks;
}

/** The CPUs that share a lock as its readers. */
function readersOf(k: Cpu, lock: number): number[] {
  const { i32 } = k;
  const readers: number[] = [];
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
    const held = i32[KERNEL.cpu_area + cpu] + CPU_AREA.at.held;
    let i = heldCount(k, cpu) - 1;
    while (i >= 0 && readOnce(k, held + i) !== (lock | HELD_READ)) i--;
    if (i >= 0) readers.push(cpu);
  }
  return readers;
}

/** The length of a CPU's list; 0 for a CPU without an area. */
function heldCount(k: Cpu, cpu: number): number {
  const area = k.i32[KERNEL.cpu_area + cpu];
  return area === 0 ? 0 : Math.min(readOnce(k, area + CPU_AREA.at.locks_held), MAX_LOCKS_HELD);
}

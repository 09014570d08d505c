import { BUG } from './bug.js';
import type { Cpu } from './cpu.js';
import { CPU_AREA } from './cpu-area.js';
import { KERNEL } from './kernel-data.js';
import { HELD_LIMIT } from './lock-word.js';

/**
 * Every CPU keeps the list of the locks that it holds or waits for in its area. Thus the death of a thread shows
 * which locks died with it, and nobody waits for ever on them. A lock enters the list before it is taken and leaves
 * it after it was released; in between its word decides (see `heldLocks`).
 */

const LOCKS_HELD = CPU_AREA.at.locks_held;
const HELD = CPU_AREA.at.held;
const HELD_SINCE = CPU_AREA.at.held_since;
const HELD_TRACE = CPU_AREA.at.held_trace;

/**
 * Called before a lock becomes entry number HELD_LIMIT or a later one.
 *
 * @throws KernelBug unless it is a lock that reports take
 */
export function beyondHeldLimit(k: Cpu, lock: number): void {
  if (lock === KERNEL.logbuf_lock || lock === KERNEL.depot_lock) return;
  BUG(k, `more than ${HELD_LIMIT} locks held on CPU#${k.cpu}`);
}

/** Whether the list has this entry (a lock, with its tag). */
export function hasHeld(k: Cpu, entry: number): boolean {
  const { i32, area } = k;
  for (let i = i32[area + LOCKS_HELD] - 1; i >= 0; i--) if (i32[area + HELD + i] === entry) return true;
  return false;
}

/**
 * Takes an entry out of the list, from wherever it is: locks may be released in any order. The lock is released
 * already, so a death in here loses nothing; the entries above it move down one by one, and none is ever missing.
 */
export function removeHeld(k: Cpu, entry: number): void {
  const { i32, area } = k;
  const top = i32[area + LOCKS_HELD] - 1;
  let i = top;
  while (i >= 0 && i32[area + HELD + i] !== entry) i--;
  if (i < 0) BUG(k, `${k.nameOf(entry)} released, but not among the locks held on CPU#${k.cpu}`);
  for (; i < top; i++) {
    i32[area + HELD + i] = i32[area + HELD + i + 1];
    i32[area + HELD_SINCE + i] = i32[area + HELD_SINCE + i + 1];
    i32[area + HELD_TRACE + i] = i32[area + HELD_TRACE + i + 1];
  }
  i32[area + HELD_TRACE + top] = 0;
  i32[area + LOCKS_HELD] = top;
}

import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { CPU_IRQ, TIMER_BASE, TIMER_LIST } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';
import { jiffies } from './jiffies.js';

const { next: NEXT, prev: PREV, expires: EXPIRES, slot: SLOT, deferrable: DEFERRABLE } = TIMER_LIST.at;
const { first: LIST, timer_jiffies: JIFFIES, running_timer: RUNNING } = TIMER_BASE.at;
const { next: FIRST_JIFFY, next_wakeup: FIRST_WAKEUP } = TIMER_BASE.at;
const TIMERS = CPU_AREA.at.irq + CPU_IRQ.at.timers;

/** Word index of a CPU's timers. */
export function timerBase(k: Cpu, cpu: number): number {
  return k.i32[KERNEL.cpu_area + cpu] + TIMERS;
}

/** Whether a timer waits to run. Under the lock of its base. */
export function isPending(k: Cpu, timer: number): boolean {
  return k.i32[timer + NEXT] !== 0;
}

/**
 * Adds a timer that is not pending to a base, behind those of the same jiffy. The kernel has a wheel of lists for this;
 * a timer that runs later than all others, the usual case, costs the same here. Under the lock of the base.
 *
 * @returns whether it is now the first one that an idle CPU wakes for
 */
export function insertTimer(k: Cpu, base: number, timer: number, expires: number): boolean {
  const { i32 } = k;
  const list = base + LIST;
  // Where no timer waits none is missed, and the count must not stay behind by so much that it seems to be ahead.
  if (i32[list] === list && Atomics.load(i32, base + RUNNING) === 0) i32[base + JIFFIES] = jiffies(k);
  const earliest = i32[base + JIFFIES];
  const slot = ((expires - earliest) | 0) < 0 ? earliest : expires | 0;
  i32[timer + EXPIRES] = expires;
  i32[timer + SLOT] = slot;
  let before = i32[list + PREV];
  while (before !== list && ((i32[before + SLOT] - slot) | 0) > 0) before = i32[before + PREV];
  const after = i32[before + NEXT];
  i32[timer + NEXT] = after;
  i32[timer + PREV] = before;
  i32[before + NEXT] = timer;
  i32[after + PREV] = timer;
  return publishFirst(k, base) === timer;
}

/** Takes a pending timer out of its base. Under the base's lock. */
export function detachTimer(k: Cpu, base: number, timer: number): void {
  const { i32 } = k;
  const before = i32[timer + PREV];
  const after = i32[timer + NEXT];
  i32[before + NEXT] = after;
  i32[after + PREV] = before;
  i32[timer + NEXT] = 0;
  i32[timer + PREV] = 0;
  publishFirst(k, base);
}

/**
 * Tells the clock when the first timer of the base runs, and the first one that an idle CPU wakes for.
 *
 * @returns the latter; the list when there is none
 */
function publishFirst(k: Cpu, base: number): number {
  const list = base + LIST;
  const first = k.i32[list + NEXT];
  let wakes = first;
  while (wakes !== list && k.i32[wakes + DEFERRABLE] !== 0) wakes = k.i32[wakes + NEXT];
  publish(k, base + FIRST_JIFFY, first === list ? 0 : k.i32[first + SLOT] || 1);
  publish(k, base + FIRST_WAKEUP, wakes === list ? 0 : k.i32[wakes + SLOT] || 1);
  return wakes;
}

/** Most timers come behind others, and change nothing. */
function publish(k: Cpu, word: number, jiffy: number): void {
  if (k.i32[word] !== jiffy) Atomics.store(k.i32, word, jiffy);
}

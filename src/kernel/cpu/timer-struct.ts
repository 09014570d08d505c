import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { CPU_IRQ, TIMER_BASE, TIMER_LIST } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';
import { jiffies } from './jiffies.js';

const { next: NEXT, prev: PREV, expires: EXPIRES, slot: SLOT } = TIMER_LIST.at;
const { first: LIST, timer_jiffies: JIFFIES, next: BASE_NEXT, running_timer: RUNNING } = TIMER_BASE.at;
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
 * @returns whether it is the first one now
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
  if (before !== list) return false;
  publishNext(k, base);
  return true;
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
  if (before === base + LIST) publishNext(k, base);
}

/** Tells the clock when the first timer of the base runs. */
function publishNext(k: Cpu, base: number): void {
  const first = k.i32[base + LIST + NEXT];
  Atomics.store(k.i32, base + BASE_NEXT, first === base + LIST ? 0 : k.i32[first + SLOT] || 1);
}

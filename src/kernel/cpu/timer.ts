import { readOnce } from '../core/access-once.js';
import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { TIMER_BASE, TIMER_LIST } from '../core/interrupt-data.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { wakeClock } from './clock-bell.js';
import { checkSymbol } from './module-symbols.js';
import { detachTimer, insertTimer, isPending, timerBase } from './timer-struct.js';
import { waitWhileWord } from './wait-for-word.js';

/**
 * Kernel timers: functions that run once in a given jiffy or soon after, in softirq context of the CPU that the timer
 * is on: where it was set last, unless its function ran elsewhere at the time. A timer is a word index of the image, for
 * example in a page, with {@link TIMER_LIST}'s words behind it.
 */

const { expires: EXPIRES, next: NEXT, function: FUNCTION, base: BASE, data: DATA } = TIMER_LIST.at;
const { deferrable: DEFERRABLE } = TIMER_LIST.at;
const { running_timer: RUNNING } = TIMER_BASE.at;

/** Makes a timer that is not pending. Its function and expiry come later: {@link setup_timer}, {@link mod_timer}. */
export function init_timer(k: Cpu, timer: number): void {
  if ((timer & 1) !== 0) BUG(k, `a timer_list begins at an even word: ${k.nameOf(timer)}`);
  k.i32.fill(0, timer, timer + TIMER_LIST.words);
  k.i32[timer + BASE] = k.cpu;
}

/**
 * {@link init_timer} with what it runs.
 *
 * @param func symbol number of `(k, data)`
 */
export function setup_timer(k: Cpu, timer: number, func: number, data = 0): void {
  checkSymbol(k, func);
  init_timer(k, timer);
  k.i32[timer + FUNCTION] = func;
  k.f64[(timer + DATA) >>> 1] = data;
}

/**
 * {@link setup_timer} of a timer that can wait: on a CPU that is busy it runs in its jiffy, but it does not wake an idle
 * one, and runs when that wakes for something else. Linux has such timers from 2.6.22 on.
 */
export function setup_deferrable_timer(k: Cpu, timer: number, func: number, data = 0): void {
  setup_timer(k, timer, func, data);
  k.i32[timer + DEFERRABLE] = 1;
}

/** Whether a timer waits to run. Without its lock, so the answer may be old when it arrives. Any context. */
export function timer_pending(k: Cpu, timer: number): boolean {
  return readOnce(k, timer + NEXT) !== 0;
}

/**
 * Sets a timer: it runs in the given jiffy on this CPU. If its function runs on another CPU just now, it stays there,
 * so that a timer never runs on two CPUs at once. Any context.
 *
 * @returns 1 if it was pending, else 0
 */
export function mod_timer(k: Cpu, timer: number, expires: number): number {
  return setTimer(k, timer, expires, k.cpu);
}

/** Sets a timer that is not pending, for its `expires`. Any context. */
export function add_timer(k: Cpu, timer: number): void {
  if (timer_pending(k, timer)) BUG(k, `add_timer of a timer that is pending: ${k.nameOf(timer)}`);
  setTimer(k, timer, k.i32[timer + EXPIRES], k.cpu);
}

/** {@link add_timer} on another CPU. Any context. */
export function add_timer_on(k: Cpu, timer: number, cpu: number): void {
  if (timer_pending(k, timer)) BUG(k, `add_timer_on of a timer that is pending: ${k.nameOf(timer)}`);
  if (!(cpu >= 0 && cpu < k.i32[KERNEL.nr_cpus])) BUG(k, `add_timer_on CPU ${cpu}: there is no such CPU`);
  setTimer(k, timer, k.i32[timer + EXPIRES], cpu);
}

function setTimer(k: Cpu, timer: number, expires: number, cpu: number): number {
  const { i32 } = k;
  if (i32[timer + FUNCTION] === 0) BUG(k, `a timer without a function is set: ${k.nameOf(timer)}`);
  const flags = local_irq_save(k);
  const from = lockBases(k, timer, cpu);
  const wasPending = isPending(k, timer);
  if (wasPending) detachTimer(k, timerBase(k, from), timer);
  const stays = Atomics.load(i32, timerBase(k, from) + RUNNING) === timer;
  const to = stays ? from : cpu;
  Atomics.store(i32, timer + BASE, to);
  const isNextWakeup = insertTimer(k, timerBase(k, to), timer, expires);
  unlockBases(k, from, cpu);
  if (isNextWakeup) wakeClock(k);
  local_irq_restore(k, flags);
  return wasPending ? 1 : 0;
}

/**
 * Takes a timer back. Its function may be running all the same, on another CPU. Any context.
 *
 * @returns 1 if it was pending, else 0
 */
export function del_timer(k: Cpu, timer: number): number {
  const flags = local_irq_save(k);
  const cpu = lockBases(k, timer, -1);
  const wasPending = isPending(k, timer);
  if (wasPending) detachTimer(k, timerBase(k, cpu), timer);
  unlockBases(k, cpu, -1);
  local_irq_restore(k, flags);
  return wasPending ? 1 : 0;
}

/**
 * {@link del_timer}, if the timer's function does not run just now.
 *
 * @returns as {@link del_timer}; -1 when it runs: then nothing was done
 */
export function try_to_del_timer_sync(k: Cpu, timer: number): number {
  const flags = local_irq_save(k);
  const cpu = lockBases(k, timer, -1);
  const base = timerBase(k, cpu);
  const isRunning = Atomics.load(k.i32, base + RUNNING) === timer;
  const wasPending = isPending(k, timer);
  if (!isRunning && wasPending) detachTimer(k, base, timer);
  unlockBases(k, cpu, -1);
  local_irq_restore(k, flags);
  return isRunning ? -1 : wasPending ? 1 : 0;
}

/**
 * Takes a timer back and waits until its function has ended: afterwards the timer and what its function uses can be
 * freed. The caller holds no lock that the function takes. Process or softirq context, not from the function itself.
 *
 * @returns 1 if it was pending, else 0
 * @throws KernelBug on the CPU where the function runs: it would wait for ever
 */
export function del_timer_sync(k: Cpu, timer: number): number {
  for (;;) {
    const result = try_to_del_timer_sync(k, timer);
    if (result >= 0) return result;
    const cpu = Atomics.load(k.i32, timer + BASE);
    const word = timerBase(k, cpu) + RUNNING;
    const own = cpu === k.cpu && Atomics.load(k.i32, word) === timer;
    if (own) BUG(k, `del_timer_sync inside the function of the timer: ${k.nameOf(timer)}`);
    waitWhileWord(k, word, timer);
  }
}

/**
 * Locks the base of a timer, and that of a CPU if it is not -1; of two, the one of the lower CPU first. Interrupts are
 * off.
 *
 * @returns the CPU that the timer is on
 */
function lockBases(k: Cpu, timer: number, cpu: number): number {
  for (;;) {
    const from = Atomics.load(k.i32, timer + BASE);
    const other = cpu < 0 ? from : cpu;
    spin_lock(k, timerBase(k, Math.min(from, other)));
    if (other !== from) spin_lock(k, timerBase(k, Math.max(from, other)));
    if (Atomics.load(k.i32, timer + BASE) === from) return from;
    unlockBases(k, from, cpu);
  }
}

function unlockBases(k: Cpu, from: number, cpu: number): void {
  if (cpu >= 0 && cpu !== from) spin_unlock(k, timerBase(k, cpu));
  spin_unlock(k, timerBase(k, from));
}

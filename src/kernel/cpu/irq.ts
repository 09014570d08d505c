import { BUG, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { COMM_BYTES } from '../core/limits.js';
import { IRQ_DESC, IRQACTION, KERNEL_IRQ, MAX_IRQ_ACTIONS, NR_IRQS } from '../core/interrupt-data.js';
import { poll } from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import { in_interrupt } from '../core/preempt.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { raise_irq } from './irq-raise.js';
import { checkSymbol } from './module-symbols.js';
import { waitWhileWord } from './wait-for-word.js';

/** Registering handlers for the interrupts of devices. */

/** Other handlers may have the same line, if all say so. */
export const IRQF_SHARED = 0x80;

/** What a handler returns: not my device, or served. */
export const IRQ_NONE = 0;
export const IRQ_HANDLED = 1;

const ENOMEM = 12;
const EBUSY = 16;
const EINVAL = 22;

const LOCK = KERNEL.irq + KERNEL_IRQ.at.irq_lock;
const ACTIONS = KERNEL.irq + KERNEL_IRQ.at.irq_actions;
const { next: NEXT, handler: HANDLER, flags: FLAGS, dev_id: DEV_ID, name: NAME } = IRQACTION.at;
const { action: ACTION, serving: SERVING, raised: RAISED, depth: DEPTH } = IRQ_DESC.at;

/** Word index of a line. */
export function irqDesc(irq: number): number {
  return KERNEL.irq + KERNEL_IRQ.at.irq_desc + irq * IRQ_DESC.words;
}

/**
 * Registers a handler for an interrupt line: `handler(k, dev, irq)` in hardirq context with interrupts off, on the CPU
 * where the interrupt is raised; it returns IRQ_HANDLED, or IRQ_NONE when its device had none. Handlers of a line never
 * run on two CPUs at once. Any context.
 *
 * @param handler symbol number
 * @param flags IRQF_SHARED or 0
 * @param name for /proc/interrupts, at most 15 bytes of it
 * @param dev tells handlers of one line apart: not 0 if it is shared
 * @returns 0; -EINVAL when `irq` is no line, or is shared without `dev`; -EBUSY when it has a handler and not both are
 *   shared; -ENOMEM when there are MAX_IRQ_ACTIONS handlers
 */
export function request_irq(
  k: Cpu,
  irq: number,
  handler: number,
  flags: number,
  name: string,
  dev: number,
): number {
  const shared = (flags & IRQF_SHARED) !== 0;
  if (!isLine(irq) || handler === 0 || (shared && dev === 0)) return -EINVAL;
  checkSymbol(k, handler);
  const tableFlags = spin_lock_irqsave(k, LOCK);
  const action = freeAction(k);
  if (action !== 0) {
    k.i32[action + NEXT] = 0;
    k.i32[action + FLAGS] = flags;
    k.f64[(action + DEV_ID) >>> 1] = dev;
    k.image.writeText((action + NAME) * 4, COMM_BYTES, name.slice(0, COMM_BYTES - 1));
    k.i32[action + HANDLER] = handler;
  }
  const result = action === 0 ? -ENOMEM : addAction(k, irqDesc(irq), action, shared);
  if (action !== 0 && result !== 0) k.i32[action + HANDLER] = 0;
  spin_unlock_irqrestore(k, LOCK, tableFlags);
  return result;
}

/**
 * Removes the handler that was registered with this `dev`, and waits until it has ended where it runs. Process context.
 */
export function free_irq(k: Cpu, irq: number, dev: number): void {
  if (in_interrupt(k)) WARN(k, `free_irq of IRQ ${irq} in an interrupt`);
  const action = isLine(irq) ? removeAction(k, irqDesc(irq), dev) : 0;
  if (action === 0) {
    WARN(k, `Trying to free already-free IRQ ${irq}`);
    return;
  }
  synchronize_irq(k, irq);
  const flags = spin_lock_irqsave(k, LOCK);
  k.i32[action + HANDLER] = 0;
  spin_unlock_irqrestore(k, LOCK, flags);
}

/** Waits until no handler of the line runs. Process context, or any where none of them can wait for the caller. */
export function synchronize_irq(k: Cpu, irq: number): void {
  const word = irqDesc(irq) + SERVING;
  const serving = Atomics.load(k.i32, word);
  if (serving === 0) return;
  if (serving === k.cpu + 1) BUG(k, `a handler of IRQ ${irq} waits until it has ended itself`);
  // Another round of the line, or another CPU, is not that handler's business any more.
  waitWhileWord(k, word, serving);
}

/** Keeps a line from being served, without waiting for handlers that run. Nests. Any context. */
export function disable_irq_nosync(k: Cpu, irq: number): void {
  if (!isLine(irq)) BUG(k, `there is no IRQ ${irq}`);
  const desc = irqDesc(irq);
  const flags = spin_lock_irqsave(k, desc);
  k.i32[desc + DEPTH]++;
  spin_unlock_irqrestore(k, desc, flags);
}

/** Keeps a line from being served; when this returns, no handler of it runs. Nests. Not from such a handler. */
export function disable_irq(k: Cpu, irq: number): void {
  disable_irq_nosync(k, irq);
  synchronize_irq(k, irq);
}

/** Undoes one {@link disable_irq}; the last one raises the line here if it was raised meanwhile. Any context. */
export function enable_irq(k: Cpu, irq: number): void {
  if (!isLine(irq)) BUG(k, `there is no IRQ ${irq}`);
  const desc = irqDesc(irq);
  const flags = spin_lock_irqsave(k, desc);
  const depth = k.i32[desc + DEPTH];
  const replay = depth === 1 && k.i32[desc + RAISED] !== 0;
  if (depth > 0) k.i32[desc + DEPTH] = depth - 1;
  if (replay) k.i32[desc + RAISED] = 0;
  spin_unlock_irqrestore(k, desc, flags);
  if (depth === 0) WARN(k, `Unbalanced enable for IRQ ${irq}`);
  if (!replay) return;
  raise_irq(k, k.cpu, irq);
  poll(k);
}

function isLine(irq: number): boolean {
  return Number.isInteger(irq) && irq >= 0 && irq < NR_IRQS;
}

/** A free entry of the table, or 0. Under irq_lock. */
function freeAction(k: Cpu): number {
  for (let i = 0; i < MAX_IRQ_ACTIONS; i++) {
    const action = ACTIONS + i * IRQACTION.words;
    if (k.i32[action + HANDLER] === 0) return action;
  }
  return 0;
}

/** Adds a handler behind the others of its line. Under irq_lock. */
function addAction(k: Cpu, desc: number, action: number, shared: boolean): number {
  const flags = spin_lock_irqsave(k, desc);
  let at = desc + ACTION;
  let fits = true;
  for (let other = Atomics.load(k.i32, at); other !== 0; other = Atomics.load(k.i32, at)) {
    fits &&= shared && (k.i32[other + FLAGS] & IRQF_SHARED) !== 0;
    at = other + NEXT;
  }
  if (fits) Atomics.store(k.i32, at, action);
  spin_unlock_irqrestore(k, desc, flags);
  return fits ? 0 : -EBUSY;
}

/** Takes a handler out of its line, which may be just following it; 0 if there is none. */
function removeAction(k: Cpu, desc: number, dev: number): number {
  const flags = spin_lock_irqsave(k, desc);
  let at = desc + ACTION;
  let action = Atomics.load(k.i32, at);
  while (action !== 0 && k.f64[(action + DEV_ID) >>> 1] !== dev) {
    at = action + NEXT;
    action = Atomics.load(k.i32, at);
  }
  if (action !== 0) Atomics.store(k.i32, at, Atomics.load(k.i32, action + NEXT));
  spin_unlock_irqrestore(k, desc, flags);
  return action;
}

/** The names of a line's handlers. Any context. */
export function irqNames(k: Cpu, irq: number): string[] {
  const desc = irqDesc(irq);
  const names: string[] = [];
  const flags = spin_lock_irqsave(k, desc);
  let action = Atomics.load(k.i32, desc + ACTION);
  while (action !== 0) {
    names.push(k.image.readText((action + NAME) * 4, COMM_BYTES));
    action = Atomics.load(k.i32, action + NEXT);
  }
  spin_unlock_irqrestore(k, desc, flags);
  return names;
}

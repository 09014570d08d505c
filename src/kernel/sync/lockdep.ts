import { readOnce, writeOnce } from '../core/access-once.js';
import { BUG_ON, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import { COMM_BYTES, MAX_LOCK_CLASSES } from '../core/limits.js';
import { reportLongHold, TRACE_CHECKED } from '../core/lock-report.js';
import { HELD_LOCK_MASK, HELD_READ } from '../core/lock-word.js';
import { rawLock, rawUnlock } from '../core/raw-lock.js';
import { depotText, saveTrace } from '../core/stack-depot.js';

/**
 * The lock-order checker (debug.locks). Every lock belongs to a class. When a CPU takes a lock of class B while it
 * holds one of class A, "A before B" is noted for ever; if B is already known to come before A, directly or through
 * others, the two together can deadlock, and that is reported the first time, without the deadlock.
 *
 * Locks that are taken for reading count as well, as far as they can deadlock: readers do not wait for readers.
 * Two locks of one class are not compared: their order is their owner's business.
 */

const NAME_BYTES = COMM_BYTES * 2;
const LOCKS_HELD = CPU_AREA.at.locks_held;
const HELD = CPU_AREA.at.held;
const HELD_TRACE = CPU_AREA.at.held_trace;
const HELD_SINCE = CPU_AREA.at.held_since;

/** An order's word: the trace of where it was first seen, and above it a bit for each kind that was seen. */
const KINDS_SHIFT = 20;
const TRACE_MASK = (1 << KINDS_SHIFT) - 1;
/** For each kind, the kinds that say at least as much: writing excludes all that reading does. */
const AT_LEAST = [0b0001, 0b0011, 0b0101, 0b1111] as const;

/**
 * The number of the lock class with this name, registered if it is new. May be called anywhere; not on fast paths.
 *
 * @returns 1 to MAX_LOCK_CLASSES - 1; 0 (not checked) when there are too many
 */
export function lock_class(k: Cpu, name: string): number {
  const flags = local_irq_save(k);
  rawLock(k, KERNEL.lockdep_lock);
  const found = findOrAddClass(k, name.slice(0, NAME_BYTES - 1));
  rawUnlock(k, KERNEL.lockdep_lock);
  local_irq_restore(k, flags);
  return found;
}

function findOrAddClass(k: Cpu, name: string): number {
  const { i32 } = k;
  // Class 0 means "not checked", so numbers start at 1.
  const count = i32[KERNEL.nr_lock_classes];
  for (let i = 1; i <= count; i++) if (lockClassName(k, i) === name) return i;
  if (count + 1 >= MAX_LOCK_CLASSES) return 0;
  k.image.writeText(nameStart(count + 1), NAME_BYTES, name);
  i32[KERNEL.nr_lock_classes] = count + 1;
  return count + 1;
}

/** The name of a lock class. */
export function lockClassName(k: Cpu, lockClass: number): string {
  return k.image.readText(nameStart(lockClass), NAME_BYTES);
}

/**
 * Called before a lock is taken: notes its class behind those held, and reports an inversion.
 *
 * @param isRead it is wanted for reading, so other readers will not keep it from this CPU
 */
export function lockWanted(k: Cpu, lock: number, lockClass: number, isRead: boolean): void {
  if (lockClass === 0) return;
  const { i32, area } = k;
  BUG_ON(k, lockClass < 0 || lockClass >= MAX_LOCK_CLASSES, `lock not initialised: ${k.nameOf(lock)}`);
  const depth = i32[area + LOCKS_HELD];
  for (let i = 0; i < depth; i++) {
    // Locks that were taken without the checker have no class behind them.
    if ((i32[area + HELD_TRACE + i] & TRACE_CHECKED) === 0) continue;
    const entry = i32[area + HELD + i];
    const heldClass = i32[(entry & HELD_LOCK_MASK) + 1];
    if (heldClass === 0 || heldClass === lockClass) continue;
    const kind = orderKind((entry & HELD_READ) !== 0, isRead);
    if (!isKnown(k, heldClass, lockClass, kind)) noteOrder(k, heldClass, lockClass, kind, lock);
  }
}

/** Called when a lock was taken: remembers when and where. */
export function lockAcquired(k: Cpu): void {
  const { i32, area } = k;
  const top = i32[area + LOCKS_HELD] - 1;
  i32[area + HELD_SINCE + top] = k.platform.now();
  i32[area + HELD_TRACE + top] = saveTrace(k, 2) | TRACE_CHECKED;
}

/**
 * Called before a lock is released: reports it if it was held too long.
 *
 * @param entry as in the list of held locks: the lock, with HELD_READ if held for reading
 */
export function lockReleased(k: Cpu, entry: number): void {
  const { i32, area } = k;
  let i = i32[area + LOCKS_HELD] - 1;
  while (i >= 0 && i32[area + HELD + i] !== entry) i--;
  if (i < 0 || (i32[area + HELD_TRACE + i] & TRACE_CHECKED) === 0) return;
  const milliseconds = (k.platform.now() - i32[area + HELD_SINCE + i]) | 0;
  if (milliseconds > i32[KERNEL.lock_hold_limit_ms]) reportLongHold(k, entry & HELD_LOCK_MASK, milliseconds);
  i32[area + HELD_TRACE + i] = 0;
}

/** Notes "first before second", and reports if the opposite is known. */
function noteOrder(k: Cpu, first: number, second: number, kind: number, lock: number): void {
  const { i32 } = k;
  const trace = saveTrace(k, 3);
  const flags = local_irq_save(k);
  rawLock(k, KERNEL.lockdep_lock);
  const isNew = !isKnown(k, first, second, kind);
  const path = isNew ? pathBack(k, first, second, kind) : [];
  if (isNew) {
    const order = orderWord(first, second);
    // The trace stays that of the first time.
    writeOnce(k, order, (i32[order] === 0 ? trace : i32[order]) | (1 << (KINDS_SHIFT + kind)));
  }
  rawUnlock(k, KERNEL.lockdep_lock);
  local_irq_restore(k, flags);
  if (path.length > 0) reportInversion(k, first, second, lock, path);
}

/** One of the four kinds of an order: the first lock was held, the second is wanted, each for reading or writing. */
function orderKind(heldRead: boolean, wantedRead: boolean): number {
  return (heldRead ? 2 : 0) + (wantedRead ? 1 : 0);
}

/** Word index of what is known about "first before second". */
function orderWord(first: number, second: number): number {
  return KERNEL.lock_order_trace + first * MAX_LOCK_CLASSES + second;
}

/** Whether this order is noted, or one that says more. Kinds only get added, and a late one costs a second look. */
function isKnown(k: Cpu, first: number, second: number, kind: number): boolean {
  return ((readOnce(k, orderWord(first, second)) >>> KINDS_SHIFT) & AT_LEAST[kind]) !== 0;
}

/**
 * A chain of noted orders from `second` back to `first` that can deadlock with "first before second", or nothing.
 * A lock stands in the way between two links of the chain only if one of the two takes it for writing.
 *
 * A place in the search is a class, doubled, plus 1 if the link before wants it for reading.
 */
function pathBack(k: Cpu, first: number, second: number, kind: number): number[] {
  const start = second * 2 + (kind & 1);
  const cameFrom = new Map<number, number>([[start, 0]]);
  const queue = [start];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    if (at >>> 1 === first && ((at & 1) === 0 || kind < 2)) return chainTo(cameFrom, at);
    for (let next = 1; next < MAX_LOCK_CLASSES; next++) {
      const kinds = k.i32[orderWord(at >>> 1, next)] >>> KINDS_SHIFT;
      for (let wantedRead = 0; wantedRead <= 1; wantedRead++) {
        // The link that holds for reading does not stop one that wants for reading.
        const isLink =
          (kinds & (1 << wantedRead)) !== 0 || ((at & 1) === 0 && (kinds & (4 << wantedRead)) !== 0);
        const place = next * 2 + wantedRead;
        if (!isLink || cameFrom.has(place)) continue;
        cameFrom.set(place, at);
        queue.push(place);
      }
    }
  }
  return [];
}

function chainTo(cameFrom: ReadonlyMap<number, number>, to: number): number[] {
  const chain: number[] = [];
  for (let at = to; at !== 0; at = cameFrom.get(at) ?? 0) chain.unshift(at >>> 1);
  return chain;
}

function reportInversion(k: Cpu, first: number, second: number, lock: number, path: readonly number[]): void {
  const lines = [
    '=======================================================',
    '[ INFO: possible circular locking dependency detected ]',
    `CPU#${k.cpu} wants ${k.nameOf(lock)} (class ${lockClassName(k, second)}) ` +
      `while it holds a lock of class ${lockClassName(k, first)},`,
    'but the opposite order was seen before:',
  ];
  for (let i = 0; i + 1 < path.length; i++) {
    const [before = 0, after = 0] = path.slice(i, i + 2);
    lines.push(` ${lockClassName(k, before)} -> ${lockClassName(k, after)}, first seen at:`);
    lines.push(depotText(k, readOnce(k, orderWord(before, after)) & TRACE_MASK));
  }
  WARN(k, lines.join('\n'));
}

function nameStart(lockClass: number): number {
  return KERNEL.lock_class_names * 4 + lockClass * NAME_BYTES;
}

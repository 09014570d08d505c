import {
  OP_ACQUIRE,
  OP_AWAIT,
  OP_CAS,
  OP_NOTIFY,
  OP_READ,
  OP_RELEASE,
  OP_RMW,
  OP_TIMEOUT,
  OP_WAIT,
  OP_WRITE,
} from '../engine/op.js';
import type { ExecutionView } from '../engine/strategy.js';

/** Whether an operation of this kind changes the memory that it names. */
export function writesMemory(kind: number): boolean {
  return (
    kind === OP_WRITE || kind === OP_RMW || kind === OP_CAS || kind === OP_ACQUIRE || kind === OP_RELEASE
  );
}

/** Whether an operation of this kind reads or writes the memory that it names. */
export function usesMemory(kind: number): boolean {
  return kind === OP_READ || kind === OP_WAIT || kind === OP_AWAIT || writesMemory(kind);
}

/** Whether an operation of this kind uses the queue of the threads that wait on its word. */
export function usesQueue(kind: number): boolean {
  return kind === OP_WAIT || kind === OP_NOTIFY || kind === OP_TIMEOUT;
}

/**
 * Whether the order of two operations of different threads can matter, as far as their kinds and bytes tell. They may
 * matter to each other also because one of them makes the other wait: that is seen only when it happens.
 */
export function conflicts(
  kind: number,
  low: number,
  high: number,
  otherKind: number,
  otherLow: number,
  otherHigh: number,
): boolean {
  // Waits that end by themselves share the number of those that may, and the clock that waits look at.
  if (kind === OP_TIMEOUT) return otherKind === OP_TIMEOUT || otherKind === OP_WAIT || overlapsQueue();
  if (otherKind === OP_TIMEOUT) return kind === OP_WAIT || overlapsQueue();
  if (low >= otherHigh || otherLow >= high) return false;
  if (usesQueue(kind) && usesQueue(otherKind)) return true;
  if (!usesMemory(kind) || !usesMemory(otherKind)) return false;
  return writesMemory(kind) || writesMemory(otherKind);

  function overlapsQueue(): boolean {
    return low < otherHigh && otherLow < high && usesQueue(kind) && usesQueue(otherKind);
  }
}

/** {@link conflicts} of the operations that two threads are about to execute. */
export function pendingConflict(execution: ExecutionView, a: number, b: number): boolean {
  const low = execution.addressOf(a);
  const otherLow = execution.addressOf(b);
  return conflicts(
    execution.kindOf(a),
    low,
    low + execution.sizeOf(a),
    execution.kindOf(b),
    otherLow,
    otherLow + execution.sizeOf(b),
  );
}

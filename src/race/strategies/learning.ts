import { OP_ACQUIRE } from '../engine/op.js';
import type { ExecutionView } from '../engine/strategy.js';
import { lowest } from './mask.js';
import type { Trail } from './trail.js';

/**
 * Learns who an interrupt interrupts, from an event that has made threads stand still. If it begins an interrupt, it
 * always does, also where that is not seen.
 *
 * @returns whether that was new: what was explored has to be seen anew
 */
export function learnInterrupt(trail: Trail, event: number, stopped: number): boolean {
  const thread = trail.thread[event];
  if (!trail.isFirst(event) || (stopped & ~trail.interrupts[thread]) === 0) return false;
  trail.interrupts[thread] |= stopped;
  trail.handlers |= 1 << thread;
  return true;
}

/**
 * Learns whether several threads can hold a lock at once, from an event that has taken it: others can take it as well
 * now.
 *
 * @param others the other threads that can go on
 * @returns whether that was new: what was explored has to be seen anew
 */
export function learnLock(trail: Trail, execution: ExecutionView, event: number, others: number): boolean {
  const { low, holds, sharedLocks } = trail;
  const lock = low[event];
  if (sharedLocks.has(lock)) return false;
  let isShared = holds[event] > 1;
  for (let rest = others; rest !== 0; rest &= rest - 1) {
    const other = lowest(rest);
    if (execution.kindOf(other) === OP_ACQUIRE && execution.addressOf(other) === lock) isShared = true;
  }
  if (isShared) sharedLocks.add(lock);
  return isShared;
}

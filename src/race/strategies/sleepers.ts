import { OP_AWAIT, OP_LOCAL } from '../engine/op.js';
import type { ExecutionView } from '../engine/strategy.js';
import { pendingConflict, writesMemory } from './conflict.js';
import { has, lowest } from './mask.js';
import type { Trail } from './trail.js';

/** Those of some sleeping threads that the operation which a thread is about to execute does not wake. */
export function stillAsleep(
  execution: ExecutionView,
  trail: Trail,
  sleeping: number,
  thread: number,
): number {
  let asleep = sleeping;
  for (let rest = sleeping; rest !== 0; rest &= rest - 1) {
    const other = lowest(rest);
    if (areDependent(execution, trail, thread, other)) asleep &= ~(1 << other);
  }
  return asleep;
}

/** Whether the order of what two threads are about to execute may matter. */
function areDependent(execution: ExecutionView, trail: Trail, a: number, b: number): boolean {
  if (interrupts(execution, trail, a, b) || interrupts(execution, trail, b, a)) return true;
  if (watches(execution, trail, a, b) || watches(execution, trail, b, a)) return true;
  return pendingConflict(execution, a, b);
}

function interrupts(execution: ExecutionView, trail: Trail, thread: number, other: number): boolean {
  return execution.kindOf(thread) === OP_LOCAL && has(trail.interruptedBy(thread), other);
}

/** Whether a thread spins and what the other one writes may make it go on, or stay. */
function watches(execution: ExecutionView, trail: Trail, spinning: number, writing: number): boolean {
  if (execution.kindOf(spinning) !== OP_AWAIT || !writesMemory(execution.kindOf(writing))) return false;
  const low = execution.addressOf(writing);
  return trail.watches(trail.last[spinning], low, low + execution.sizeOf(writing));
}

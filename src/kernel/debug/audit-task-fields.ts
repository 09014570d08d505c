import { CPUMASK_WORDS } from '../core/limits.js';
import {
  ON_CPU,
  ON_ITS_WAY,
  ON_NOTHING,
  ON_QUEUE,
  RUNNING_SERVE,
  TASK,
  TASK_DEAD,
  TASK_INTERRUPTIBLE,
  TASK_KIND_CPU,
  TASK_KIND_IDLE,
  TASK_KIND_THREAD,
  TASK_RUNNING,
  TASK_STOPPED,
  TASK_UNINTERRUPTIBLE,
} from '../core/task-struct.js';
import type { TaskLook } from './audit-task-look.js';
import type { TaskPlace } from './audit-violation-tasks.js';

const STATES = [TASK_RUNNING, TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE, TASK_STOPPED, TASK_DEAD];
/** Where a task is that says so by `on_rq`. */
const PLACES: Readonly<Record<number, TaskPlace['in']>> = {
  [ON_ITS_WAY]: 'incoming list',
  [ON_QUEUE]: 'run queue',
  [ON_CPU]: 'CPU',
};

/** Whether a slot has a task: those that are not used any more, or were not yet, promise little. */
function isTaskSlot(look: TaskLook, slot: number): boolean {
  const { i32 } = look.run.k;
  const { cpus } = look.run;
  const task = look.taskAt(slot);
  if (slot >= 2 * cpus) return Atomics.load(i32, task + TASK.at.usage) !== 0;
  if (slot < cpus) return true;
  // The task of a CPU that has never come up is zeroed memory.
  return i32[task + TASK.at.pid] !== 0 || i32[task + TASK.at.kind] !== 0 || i32[task + TASK.at.state] !== 0;
}

/** Whether what is left of a task was cleared away: nothing must lead to it any more. */
export function hasEnded(look: TaskLook, slot: number): boolean {
  const { i32 } = look.run.k;
  return !isTaskSlot(look, slot) || Atomics.load(i32, look.taskAt(slot) + TASK.at.exited) !== 0;
}

/** Checks what each task says of itself. */
export function auditTaskFields(look: TaskLook): void {
  const pids = new Map<number, number>();
  for (let slot = 0; slot < look.slots; slot++) {
    checkFree(look, slot);
    if (!isTaskSlot(look, slot)) continue;
    checkFields(look, slot);
    if (slot < look.run.cpus) continue;
    look.used++;
    const { pid } = look.ref(slot);
    const other = pids.get(pid);
    if (other !== undefined) look.report({ kind: 'task-pid', ...look.ref(slot), other: look.ref(other) });
    pids.set(pid, slot);
  }
}

/** What must hold of every slot. */
function checkFree(look: TaskLook, slot: number): void {
  const { i32 } = look.run.k;
  const { usage, timeout } = TASK.at;
  const task = look.taskAt(slot);
  checkField(look, slot, 'usage', Atomics.load(i32, task + usage) >= 0);
  // The timer that ends a sleep would end another task's.
  if (hasEnded(look, slot)) checkField(look, slot, 'timeout', i32[task + timeout] === 0);
}

function checkFields(look: TaskLook, slot: number): void {
  const { i32 } = look.run.k;
  const { cpus } = look.run;
  const task = look.taskAt(slot);
  const state = Atomics.load(i32, task + TASK.at.state);
  const running = Atomics.load(i32, task + TASK.at.running);
  const pid = i32[task + TASK.at.pid];
  const cpu = Atomics.load(i32, task + TASK.at.cpu);
  const isIdle = slot < cpus;
  const isThread = slot >= 2 * cpus;
  const own = slot % cpus;
  const kind = isIdle ? TASK_KIND_IDLE : isThread ? TASK_KIND_THREAD : TASK_KIND_CPU;
  // Nobody takes the CPU away from a task that is dead, or whose machine has stopped.
  const waits = running === 0 || (running === RUNNING_SERVE && kind === TASK_KIND_CPU);
  checkField(look, slot, 'kind', i32[task + TASK.at.kind] === kind);
  checkField(look, slot, 'state', isIdle ? state === TASK_RUNNING : STATES.includes(state));
  checkField(look, slot, 'running', waits || state === TASK_DEAD || look.isOver);
  checkField(look, slot, 'pid', isIdle ? pid === 0 : isThread ? pid > cpus : pid === 1 + own);
  checkField(look, slot, 'cpu', isThread ? cpu >= 0 && cpu < cpus : cpu === own);
  checkAllowed(look, slot, isThread ? -1 : own);
}

/** @param own the only CPU on which the task may run; -1: it can be any */
function checkAllowed(look: TaskLook, slot: number, own: number): void {
  const { i32 } = look.run.k;
  const mask = look.taskAt(slot) + TASK.at.cpus_allowed;
  let others = 0;
  let count = 0;
  for (let cpu = 0; cpu < CPUMASK_WORDS * 32; cpu++) {
    if (((Atomics.load(i32, mask + (cpu >>> 5)) >>> (cpu & 31)) & 1) === 0) continue;
    if (cpu < look.run.cpus) count++;
    if (cpu !== own) others++;
  }
  checkField(look, slot, 'cpus_allowed', count > 0 && (own < 0 || others === 0));
}

function checkField(
  look: TaskLook,
  slot: number,
  field: 'cpu' | 'cpus_allowed' | 'kind' | 'pid' | 'running' | 'state' | 'timeout' | 'usage',
  isRight: boolean,
): void {
  if (isRight) return;
  const value = look.run.k.i32[look.taskAt(slot) + TASK.at[field]];
  look.report({ kind: 'task-field', ...look.ref(slot), field, value });
}

/** Checks that each task is where it says, and nowhere else. All lists were followed. */
export function auditTaskPlaces(look: TaskLook): void {
  for (let slot = 0; slot < look.slots; slot++) {
    if (slot < look.run.cpus) checkIdlePlace(look, slot);
    else checkPlace(look, slot);
  }
}

/** The idle task of a CPU that is gone is still its current one. */
function checkIdlePlace(look: TaskLook, slot: number): void {
  const place = look.places[slot];
  if (place !== undefined && (place.in !== 'CPU' || place.cpu !== slot)) reportPlace(look, slot, place);
  else if (look.run.k.i32[look.taskAt(slot) + TASK.at.on_rq] !== ON_CPU)
    look.report({ kind: 'task-lost', ...look.ref(slot), state: TASK_RUNNING, onRq: onRqOf(look, slot) });
}

function checkPlace(look: TaskLook, slot: number): void {
  const { i32 } = look.run.k;
  const task = look.taskAt(slot);
  const cpu = Atomics.load(i32, task + TASK.at.cpu);
  const onRq = onRqOf(look, slot);
  const place = look.places[slot];
  const wanted = onRq === ON_NOTHING ? undefined : PLACES[onRq];
  if (place !== undefined) {
    if (place.in !== wanted || place.cpu !== cpu) reportPlace(look, slot, place);
    return;
  }
  const state = Atomics.load(i32, task + TASK.at.state);
  const isLost = onRq === ON_NOTHING ? state === TASK_RUNNING && isTaskSlot(look, slot) : true;
  if (!isLost || (wanted !== undefined && look.isUnclear(wanted, cpu))) return;
  look.report({ kind: 'task-lost', ...look.ref(slot), state, onRq });
}

function onRqOf(look: TaskLook, slot: number): number {
  return Atomics.load(look.run.k.i32, look.taskAt(slot) + TASK.at.on_rq);
}

function reportPlace(look: TaskLook, slot: number, place: TaskPlace): void {
  const cpu = Atomics.load(look.run.k.i32, look.taskAt(slot) + TASK.at.cpu);
  look.report({ kind: 'task-place', ...look.ref(slot), onRq: onRqOf(look, slot), cpu, place });
}

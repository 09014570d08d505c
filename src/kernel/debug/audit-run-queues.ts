import { CPU_AREA, RUN_QUEUE } from '../core/cpu-area.js';
import { TASK } from '../core/task-struct.js';
import type { TaskLook } from './audit-task-look.js';

const RQ = CPU_AREA.at.rq;
const { incoming: INCOMING, first: QUEUE, nr_running: NR_RUNNING } = RUN_QUEUE.at;
const { current: CURRENT, idle: IDLE, in_transit: IN_TRANSIT } = RUN_QUEUE.at;
const { run_list: LINKS, next_incoming: NEXT } = TASK.at;

/** Notes who is in the run queues and incoming lists, and checks that the stopped CPUs run nothing. */
export function auditRunQueues(look: TaskLook): void {
  const { areas, cpus } = look.run;
  for (let cpu = 0; cpu < cpus; cpu++) {
    if (areas[cpu] === 0) continue;
    const rq = areas[cpu] + RQ;
    checkIdle(look, cpu, rq);
    const counted = walkQueue(look, cpu, rq + QUEUE);
    const stored = look.run.k.i32[rq + NR_RUNNING];
    if (counted >= 0 && stored !== counted) look.report({ kind: 'nr-running', cpu, stored, counted });
    walkIncoming(look, cpu, rq + INCOMING);
  }
}

function checkIdle(look: TaskLook, cpu: number, rq: number): void {
  const { i32 } = look.run.k;
  const expected = look.taskAt(cpu);
  const current = i32[rq + CURRENT];
  const idle = i32[rq + IDLE];
  if (current !== expected)
    look.report({ kind: 'not-idle', cpu, field: 'current', value: current, expected });
  if (idle !== expected) look.report({ kind: 'not-idle', cpu, field: 'idle', value: idle, expected });
  const slot = look.slotAt(current);
  if (slot >= 0) look.place(slot, { in: 'CPU', cpu });
  const transit = i32[rq + IN_TRANSIT];
  if (transit !== 0) look.report({ kind: 'task-in-transit', cpu, value: transit });
}

/** @returns how many tasks a run queue has; -1 when it could not be followed to its end */
function walkQueue(look: TaskLook, cpu: number, head: number): number {
  const { i32 } = look.run.k;
  let count = 0;
  let last = head;
  let link = i32[head];
  look.lists++;
  // Every task has one predecessor, so this comes to an end.
  while (link !== head) {
    const slot = look.slotAt(link - LINKS);
    if (slot < 0 || i32[link + 1] !== last) return breakOff(look, 'run queue', cpu, link);
    look.place(slot, { in: 'run queue', cpu });
    look.listEntries++;
    count++;
    last = link;
    link = i32[link];
  }
  return i32[head + 1] === last ? count : breakOff(look, 'run queue', cpu, i32[head + 1]);
}

/** Threads that are no CPU put tasks in at the front meanwhile; what is behind that stays. */
function walkIncoming(look: TaskLook, cpu: number, head: number): void {
  const { i32 } = look.run.k;
  let task = Atomics.load(i32, head);
  look.lists++;
  while (task !== 0) {
    const slot = look.slotAt(task);
    const before = look.places[slot];
    const isCircle = before?.in === 'incoming list' && before.cpu === cpu;
    if (slot < 0 || isCircle) {
      breakOff(look, 'incoming list', cpu, task);
      return;
    }
    look.place(slot, { in: 'incoming list', cpu });
    look.listEntries++;
    task = i32[task + NEXT];
  }
}

function breakOff(look: TaskLook, list: 'run queue' | 'incoming list', cpu: number, value: number): -1 {
  look.report({ kind: 'task-list', list: `the ${list} of CPU ${cpu}`, value });
  look.unclear.push({ in: list, cpu });
  return -1;
}

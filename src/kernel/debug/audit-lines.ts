import { PAGE_WORDS } from '../../arch/page.js';
import { LOCK_OWNER_MASK } from '../core/lock-word.js';
import { MAX_WAITS } from '../core/limits.js';
import { TASK, TASK_DEAD, TASK_RUNNING, WAIT_ENTRY } from '../core/task-struct.js';
import { MUTEX, mutexHasWaiters, mutexOwner } from '../sched/mutex.js';
import { SEMAPHORE } from '../sched/semaphore.js';
import { LINE_MUTEX, LINE_SEMAPHORE, NO_LINE, WAIT_QUEUE_HEAD } from '../sched/wait-line.js';
import type { TaskLook } from './audit-task-look.js';
import { hasEnded } from './audit-task-fields.js';
import type { ViolationOf } from './audit-violation.js';

const { list: LINKS, head: HEAD, flags: FLAGS, task: WAITER } = WAIT_ENTRY.at;
const TASK_LIST = WAIT_QUEUE_HEAD.at.task_list;

/** The entries that a line has; undefined when it could not be followed to its end. */
type Line = readonly number[] | undefined;

/**
 * Checks the entries of tasks that wait in line: a line that nobody waits in is not known here, and cannot do harm. What
 * lies at the word of a line cannot be told from the word; that somebody waits for it says enough.
 */
export function auditLines(look: TaskLook): void {
  const lines = new Map<number, Line>();
  for (let slot = 0; slot < look.slots; slot++) {
    for (let i = 0; i < MAX_WAITS; i++) {
      auditEntry(look, slot, look.taskAt(slot) + TASK.at.waits + i * WAIT_ENTRY.words, lines);
    }
  }
}

function auditEntry(look: TaskLook, slot: number, entry: number, lines: Map<number, Line>): void {
  const { i32 } = look.run.k;
  const line = i32[entry + HEAD];
  const isIn = i32[entry + LINKS] !== 0;
  if (i32[entry + WAITER] !== look.taskAt(slot)) {
    look.report({ kind: 'task-field', ...look.ref(slot), field: 'waits.task', value: i32[entry + WAITER] });
  }
  if (line === 0 || line === NO_LINE) {
    if (isIn) reportEntry(look, slot, i32[entry + LINKS], 'is in it without saying so');
    return;
  }
  if (!isLine(look, line)) {
    reportEntry(look, slot, line, 'is no line');
    return;
  }
  if (hasEnded(look, slot)) {
    reportEntry(look, slot, line, 'has ended');
    return;
  }
  if (!isIn) return;
  if (!lines.has(line)) lines.set(line, auditLine(look, line));
  const entries = lines.get(line);
  if (entries?.includes(entry) === false) reportEntry(look, slot, line, 'is not in it');
}

/** Whether there can be a line at a word. */
function isLine(look: TaskLook, line: number): boolean {
  return line >= PAGE_WORDS && line + Math.max(MUTEX.words, SEMAPHORE.words) <= look.run.k.i32.length;
}

/** Checks a line in which somebody waits. */
function auditLine(look: TaskLook, line: number): Line {
  const { i32 } = look.run.k;
  const lock = i32[line];
  if (lock !== 0) {
    const cpu = (lock & LOCK_OWNER_MASK) - 1;
    look.report({ kind: 'lock-held', lock: `the lock of ${nameLine(look, line)}`, cpu, value: lock });
  }
  const entries = walkLine(look, line);
  const first = entries?.[0];
  if (first !== undefined) checkFirst(look, line, first);
  return entries;
}

function walkLine(look: TaskLook, line: number): Line {
  const { i32 } = look.run.k;
  const head = line + TASK_LIST;
  const entries: number[] = [];
  let last = head;
  let link = i32[head];
  look.lists++;
  // Every entry has one predecessor, so this comes to an end.
  while (link !== head) {
    const entry = link - LINKS;
    if (ownerOfEntry(look, entry) < 0 || i32[link + 1] !== last || i32[entry + HEAD] !== line) break;
    entries.push(entry);
    look.listEntries++;
    last = link;
    link = i32[link];
  }
  if (link === head && i32[head + 1] === last) return entries;
  const value = link === head ? i32[head + 1] : link;
  look.report({ kind: 'task-list', list: `the line for ${nameLine(look, line)}`, value });
  return undefined;
}

/** The slot of the task whose entry is at a word; -1 when there is none. */
function ownerOfEntry(look: TaskLook, entry: number): number {
  const slot = Math.floor((entry - look.first) / look.words);
  if (!(slot >= 0 && slot < look.slots)) return -1;
  const offset = entry - look.taskAt(slot) - TASK.at.waits;
  const isEntry = offset >= 0 && offset < MAX_WAITS * WAIT_ENTRY.words && offset % WAIT_ENTRY.words === 0;
  return isEntry ? slot : -1;
}

/** Who is first in line for a mutex or a semaphore sleeps only while somebody else has it, who will wake it. */
function checkFirst(look: TaskLook, line: number, entry: number): void {
  const { i32 } = look.run.k;
  const slot = ownerOfEntry(look, entry);
  const flags = i32[entry + FLAGS];
  const state = Atomics.load(i32, look.taskAt(slot) + TASK.at.state);
  // Who has been woken takes it; who is dead leaves it to the next one.
  if (state === TASK_RUNNING || state === TASK_DEAD) return;
  const problem = forgets(look, line, flags);
  if (problem === undefined) return;
  look.report({ kind: 'task-forgotten', ...look.ref(slot), line: nameLine(look, line), problem });
}

/** Why nobody will wake the first in a line; undefined when somebody will, or that cannot be told. */
function forgets(
  look: TaskLook,
  line: number,
  flags: number,
): ViolationOf<'task-forgotten'>['problem'] | undefined {
  const { k } = look.run;
  if ((flags & LINE_SEMAPHORE) !== 0 && k.i32[line + SEMAPHORE.at.count] > 0) return 'the semaphore is free';
  if ((flags & LINE_MUTEX) === 0) return undefined;
  if (mutexOwner(k, line) === 0) return 'the mutex is free';
  return mutexHasWaiters(k, line) ? undefined : 'its owner does not know of waiters';
}

function reportEntry(
  look: TaskLook,
  slot: number,
  line: number,
  problem: ViolationOf<'task-line'>['problem'],
): void {
  look.report({ kind: 'task-line', ...look.ref(slot), line: nameLine(look, line), problem });
}

/** What a line is for, unless the tables may be wrong that tell it. */
function nameLine(look: TaskLook, line: number): string {
  return look.run.found.has('structure') ? `image word ${line}` : look.run.k.nameOf(line);
}

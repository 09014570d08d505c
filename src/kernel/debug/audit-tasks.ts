import { alignUp, CACHE_LINE_WORDS } from '../../image/struct.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_KTHREADS, MAX_NUMNODES } from '../core/limits.js';
import { TASK } from '../core/task-struct.js';
import { zonelistWords } from '../mm/zonelist.js';
import { auditLines } from './audit-lines.js';
import { isStructure } from './audit-nodes.js';
import type { AuditRun } from './audit-run.js';
import { auditRunQueues } from './audit-run-queues.js';
import { auditTaskFields, auditTaskPlaces } from './audit-task-fields.js';
import { TaskLook } from './audit-task-look.js';

/**
 * How long something may look wrong: threads that are no CPU act while all CPUs are stopped. One that has just begun brings
 * its task to a CPU, or wakes who has created it, and in between that task is nowhere. Milliseconds.
 */
const SETTLE_MS = 500;

/**
 * Checks the tasks of a machine: what they say of themselves, that each that can run is in one place, and that who waits
 * in line is there and will be woken.
 *
 * On a machine that has panicked or was halted, threads were ended wherever they were; then only what does not depend on
 * that is looked at.
 */
export function auditTasks(run: AuditRun): void {
  const words = taskWords(run);
  const slots = 2 * run.cpus + MAX_KTHREADS;
  checkNumber(run, 'task_words', words);
  checkNumber(run, 'nr_tasks', slots);
  if (!isStructure(run, 'tasks', KERNEL.tasks, slots * words)) return;
  const look = settle(run, run.k.i32[KERNEL.tasks], words, slots);
  for (const violation of look.found) run.report(violation);
  run.tasks = look.used;
  run.lists += look.lists;
  run.listEntries += look.listEntries;
}

/** Words from one task to the next: its task_struct, and its private zonelists. */
function taskWords(run: AuditRun): number {
  const nodes = run.firmware?.nodes ?? Math.max(1, Math.min(MAX_NUMNODES, run.k.i32[KERNEL.nr_nodes]));
  return TASK.words + alignUp(2 * zonelistWords(nodes), CACHE_LINE_WORDS);
}

function checkNumber(run: AuditRun, field: 'task_words' | 'nr_tasks', expected: number): void {
  const value = run.k.i32[KERNEL[field]];
  if (value !== expected) run.report({ kind: 'structure', field, value, problem: `should be ${expected}` });
}

/** Looks until nothing is wrong, or it has been wrong for too long. */
function settle(run: AuditRun, first: number, words: number, slots: number): TaskLook {
  const { k } = run;
  const start = k.platform.now();
  for (let pause = 1; ; pause *= 2) {
    const look = new TaskLook(run, first, words, slots);
    lookAtAll(look);
    if (look.found.length === 0 || k.platform.now() - start >= SETTLE_MS) return look;
    // Nobody changes this word: it stands for time that goes by.
    k.platform.wait(KERNEL.tasks, first, pause);
  }
}

function lookAtAll(look: TaskLook): void {
  auditTaskFields(look);
  if (look.isOver) return;
  auditRunQueues(look);
  auditTaskPlaces(look);
  auditLines(look);
}

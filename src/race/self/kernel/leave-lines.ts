import { TASK, WAIT_ENTRY } from '../../../kernel/core/task-struct.js';
import { firstThreadSlot, taskAt } from '../../../kernel/core/tasks.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { leaveLines } from '../../../kernel/sched/leave-lines.js';
import { MUTEX } from '../../../kernel/sched/mutex.js';
import { SEMAPHORE } from '../../../kernel/sched/semaphore.js';
import { joinLast, LINE_MUTEX, LINE_SEMAPHORE } from '../../../kernel/sched/wait-line.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_WOKEN, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** A task that is in line, and dead: what wakes it is lost, until the console takes it out of there. */

const FILE = 'kernel/sched/leave-lines';
const X = scratchLine(0);
const COUNT = scratchLine(1);

/** A task whose thread is dead: nothing wakes it any more. */
function deadTask(k: Kernel): number {
  return taskAt(k, firstThreadSlot(k));
}

/** The dead one is first in line. */
function dieInLine(k: Kernel, kind: number): void {
  const entry = deadTask(k) + TASK.at.waits;
  k.i32[entry + WAIT_ENTRY.at.head] = X;
  k.i32[entry + WAIT_ENTRY.at.flags] = kind;
  joinLast(k, X, entry);
}

/** What the console does. */
function bury(k: Kernel): void {
  leaveLines(k, deadTask(k));
}

const granted = kernelPart(
  scenario({
    name: 'kernel: a semaphore that a dead task is given goes to the next in line',
    machine: oneZone(3),
    setup: (k) => {
      k.init_MUTEX_LOCKED(X);
      dieInLine(k, LINE_SEMAPHORE);
    },
    threads: [
      bury,
      (k) => k.up(X),
      (k) => {
        k.down(X);
      },
    ],
    final: (k) => expectValue('the semaphore', k.i32[X + SEMAPHORE.at.count], 0),
  }),
  {
    'it stays with the dead': {
      kinds: NOT_WOKEN,
      patches: [{ file: FILE, find: 'if ((kind & LINE_GRANTED) !== 0)', replace: 'if (false)' }],
    },
  },
);

function count(k: Kernel): void {
  k.mutex_lock(X);
  k.i32[COUNT]++;
  k.mutex_unlock(X);
}

const woken = kernelPart(
  scenario({
    name: 'kernel: a mutex for which a dead task is woken goes to the next in line',
    machine: oneZone(3),
    setup: (k) => {
      k.mutex_init(X);
      dieInLine(k, LINE_MUTEX);
      Atomics.store(k.i32, X + MUTEX.at.owner, 1);
    },
    threads: [bury, count, count],
    final: (k) => {
      expectValue('the counter', k.i32[COUNT], 2);
      expectValue('the owner', k.i32[X + MUTEX.at.owner], 0);
    },
  }),
  {
    'nobody else is woken': {
      kinds: ['assertion', ...NOT_WOKEN],
      patches: [{ file: FILE, find: 'wakeNext(k, line);', replace: ';' }],
    },
  },
);

export const LEAVE_LINES_PARTS: readonly KernelPart[] = [granted, woken];

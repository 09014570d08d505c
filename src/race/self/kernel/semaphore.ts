import type { Kernel } from '../../../kernel/kernel.js';
import { cpuTask } from '../../../kernel/core/tasks.js';
import { SEMAPHORE } from '../../../kernel/sched/semaphore.js';
import { send_sig, SIGTERM } from '../../../kernel/sched/signal.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_EXCLUSIVE, NOT_WOKEN, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';
import { endClock, tickForCpu1 } from './sleep-clock.js';

/** Semaphores, and how they are handed over. Who does `up` comes first where others would wait alone. */

const FILE = 'kernel/sched/semaphore';
const S = scratchLine(0);
const COUNT = scratchLine(1);
/** How often somebody got it. */
const GOT = scratchLine(2);
const LEFT = S + SEMAPHORE.at.count;

function count(k: Kernel): void {
  k.down(S);
  k.i32[COUNT]++;
  k.up(S);
}

const handed = kernelPart(
  scenario({
    name: 'kernel: a semaphore is handed from task to task',
    machine: oneZone(3),
    setup: (k) => k.init_MUTEX(S),
    threads: [count, count, count],
    final: (k) => {
      expectValue('the counter', k.i32[COUNT], 3);
      expectValue('the semaphore', k.i32[LEFT], 1);
    },
  }),
  {
    'who is woken has not got it': {
      kinds: [...NOT_EXCLUSIVE, ...NOT_WOKEN],
      patches: [{ file: FILE, find: 'k.i32[first + FLAGS] |= LINE_GRANTED;', replace: '' }],
    },
    'up counts, and hands it over all the same': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        { file: FILE, find: 'leaveLine(k, first);', replace: 'k.i32[sem + COUNT]++; leaveLine(k, first);' },
      ],
    },
  },
);

function upTwice(k: Kernel): void {
  k.up(S);
  k.up(S);
}

const interrupted = kernelPart(
  scenario({
    name: 'kernel: a signal or a semaphore ends the wait for it, never both',
    machine: oneZone(3),
    setup: (k) => {
      k.init_MUTEX_LOCKED(S);
      send_sig(k, SIGTERM, cpuTask(k, 1));
    },
    threads: [
      upTwice,
      (k) => {
        if (k.down_interruptible(S) === 0) Atomics.add(k.i32, GOT, 1);
      },
      (k) => {
        k.down(S);
        Atomics.add(k.i32, GOT, 1);
      },
    ],
    final: (k) => expectValue('how often it was got and is left', k.i32[GOT] + k.i32[LEFT], 2),
  }),
  {
    'who waits does not look again': {
      kinds: NOT_WOKEN,
      patches: [
        {
          file: FILE,
          find: 'if (i32[sem + COUNT] > 0) {',
          replace: 'if (false) {',
        },
      ],
    },
    'a signal counts more than what it was given': {
      kinds: ['assertion', ...NOT_WOKEN],
      patches: [
        {
          file: FILE,
          find: 'return result;\n}',
          replace: 'return interrupted(k, state) ? -EINTR : result;\n}',
        },
      ],
    },
    'who leaves stays in line': {
      kinds: ['assertion', ...NOT_WOKEN],
      patches: [
        {
          file: FILE,
          find: 'leaveLine(k, wait);',
          replace: 'if (result === 0) leaveLine(k, wait);',
        },
      ],
    },
  },
);

const timed = kernelPart(
  scenario({
    name: 'kernel: a semaphore comes in time or is left',
    machine: oneZone(2),
    setup: (k) => k.init_MUTEX_LOCKED(S),
    threads: [
      (k) => k.up(S),
      (k) => {
        if (k.down_timeout(S, 1) === 0) Atomics.add(k.i32, GOT, 1);
        endClock(k);
      },
    ],
    console: tickForCpu1,
    final: (k) => expectValue('how often it was got and is left', k.i32[GOT] + k.i32[LEFT], 1),
  }),
  {
    'the time counts more than what it was given': {
      kinds: ['assertion'],
      patches: [{ file: FILE, find: 'return result;\n}', replace: 'return left <= 0 ? -ETIME : result;\n}' }],
    },
  },
);

export const SEMAPHORE_PARTS: readonly KernelPart[] = [handed, interrupted, timed];

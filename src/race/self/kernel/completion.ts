import type { Kernel } from '../../../kernel/kernel.js';
import { COMPLETION } from '../../../kernel/sched/completion.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_EXCLUSIVE, NOT_WOKEN, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';
import { endClock, tickForCpu1 } from './sleep-clock.js';

/** Completions. Who completes comes first: alone, nobody has to sleep. */

const FILE = 'kernel/sched/completion';
const LINE = 'kernel/sched/wait-line';
const X = scratchLine(0);
/** Waiters that went on in time. */
const IN_TIME = scratchLine(1);
const DONE = X + COMPLETION.at.done;

function init(k: Kernel): void {
  k.init_completion(X);
}

const reused = kernelPart(
  scenario({
    name: 'kernel: who has waited for a completion may use its memory for something else',
    machine: oneZone(2),
    setup: init,
    threads: [
      (k) => k.complete(X),
      (k) => {
        k.wait_for_completion(X);
        for (let i = 0; i < COMPLETION.words; i++) k.i32[X + i] = 7;
      },
    ],
  }),
  {
    'complete counts, and then takes the lock to wake': {
      kinds: [...NOT_EXCLUSIVE, ...NOT_WOKEN],
      patches: [
        {
          file: FILE,
          find: 'k.i32[x + DONE]++;',
          replace: '{ k.i32[x + DONE]++; spin_unlock_irqrestore(k, x, flags); lockLine(k, x); }',
        },
      ],
    },
    'complete wakes before it counts': {
      kinds: NOT_WOKEN,
      patches: [
        {
          file: FILE,
          find: 'k.i32[x + DONE]++;',
          replace:
            '{ wakeLine(k, x, ANY_SLEEP, 1); spin_unlock_irqrestore(k, x, flags); lockLine(k, x); k.i32[x + DONE]++; spin_unlock_irqrestore(k, x, flags); return; }',
        },
      ],
    },
    'a waiter says that it sleeps without the lock': {
      kinds: [...NOT_EXCLUSIVE, ...NOT_WOKEN],
      patches: [
        { file: LINE, find: 'set_task_state(k, current(k), state);', replace: '' },
        {
          file: LINE,
          find: 'spin_unlock_irqrestore(k, line, flags);',
          replace: 'spin_unlock_irqrestore(k, line, flags); set_task_state(k, current(k), state);',
        },
      ],
    },
  },
);

const each = kernelPart(
  scenario({
    name: 'kernel: two calls of complete let two waiters go on',
    machine: oneZone(3),
    setup: init,
    threads: [
      (k) => {
        k.complete(X);
        k.complete(X);
      },
      (k) => k.wait_for_completion(X),
      (k) => k.wait_for_completion(X),
    ],
    final: (k) => expectValue('turns that nobody took', k.i32[DONE], 0),
  }),
  {
    'a turn is noted, not counted': {
      kinds: NOT_WOKEN,
      patches: [
        {
          file: FILE,
          find: 'k.i32[x + DONE]++;',
          replace: 'k.i32[x + DONE] = 1;',
        },
      ],
    },
    'the first in line counts as woken, even if it runs already': {
      kinds: NOT_WOKEN,
      patches: [
        {
          file: LINE,
          find: '!try_to_wake_up(k, i32[entry + WAITER], states)',
          replace: '!try_to_wake_up(k, i32[entry + WAITER], states) && false',
        },
      ],
    },
  },
);

const timed = kernelPart(
  scenario({
    name: 'kernel: a completion is taken in time or left for later',
    machine: oneZone(2),
    setup: init,
    threads: [
      (k) => k.complete(X),
      (k) => {
        if (k.wait_for_completion_timeout(X, 1) > 0) k.i32[IN_TIME]++;
        endClock(k);
      },
    ],
    console: tickForCpu1,
    final: (k) => {
      expectValue('turns taken and left', k.i32[IN_TIME] + k.i32[DONE], 1);
      expectValue('whether somebody is in line', k.waitqueue_active(X) ? 1 : 0, 0);
    },
  }),
  {
    'a waiter whose time is over stays in line': {
      kinds: ['assertion'],
      patches: [{ file: FILE, find: 'leaveLine(k, wait);', replace: 'if (result > 0) leaveLine(k, wait);' }],
    },
    'a waiter that was woken takes a turn without looking': {
      kinds: ['assertion'],
      patches: [
        {
          file: FILE,
          find: 'left = sleepInLine(k, x, flags, state, left);',
          replace:
            'left = sleepInLine(k, x, flags, state, left); if (takeTurn(k, x) || left <= 0) { result = 1; break; }',
        },
      ],
    },
  },
);

export const COMPLETION_PARTS: readonly KernelPart[] = [reused, each, timed];

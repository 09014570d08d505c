import { TASK, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '../../../kernel/core/task-struct.js';
import { cpuTask, current } from '../../../kernel/core/tasks.js';
import { schedule } from '../../../kernel/cpu/schedule.js';
import { set_task_state, wake_up_process } from '../../../kernel/cpu/wake.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { send_sig, SIGTERM } from '../../../kernel/sched/signal.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_EXCLUSIVE, NOT_WOKEN, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';
import { endClock, tickForCpu1 } from './sleep-clock.js';

/** Wait queues: no wake-up gets lost, and none comes that nobody sent. Who wakes comes first: alone, nobody has to sleep. */

const QUEUE = 'kernel/sched/wait-queue';
const EVENT = 'kernel/sched/wait-event';
const TIMEOUT = 'kernel/sched/timeout';
const Q = scratchLine(0);
/** What is waited for. */
const READY = scratchLine(1);
/** How many may have one. */
const TOKENS = scratchLine(2);
/** What waiters report. */
const RESULT = scratchLine(3);

function init(k: Kernel): void {
  k.init_waitqueue_head(Q);
}

const woken = kernelPart(
  scenario({
    name: 'kernel: a task in wait_event is woken by who made its condition true',
    machine: oneZone(2),
    setup: init,
    threads: [
      (k) => {
        Atomics.store(k.i32, READY, 1);
        k.wake_up(Q);
      },
      (k) => k.wait_event(Q, () => Atomics.load(k.i32, READY) === 1),
    ],
    final: (k) => expectValue('whether the queue is in use', k.waitqueue_active(Q) ? 1 : 0, 0),
  }),
  {
    'a waiter looks before it is in line': {
      kinds: NOT_WOKEN,
      patches: [
        { file: EVENT, find: 'if (exclusive)', replace: 'const seen = condition(); if (exclusive)' },
        { file: EVENT, find: 'if (holds(k, q, wait, condition))', replace: 'if (seen)' },
      ],
    },
    'a waiter says that it sleeps after it has looked': {
      kinds: NOT_WOKEN,
      patches: [
        { file: QUEUE, find: 'if (state !== TASK_RUNNING)', replace: 'if (false)' },
        {
          file: EVENT,
          find: 'left = schedule_timeout(k, left);',
          replace: `Atomics.store(k.i32, k.i32[wait + 4] + ${TASK.at.state}, state); left = schedule_timeout(k, left);`,
        },
      ],
    },
    'a wake-up gives up the lock before it looks who waits': {
      kinds: [...NOT_EXCLUSIVE, ...NOT_WOKEN],
      patches: [
        {
          file: QUEUE,
          find: 'wakeLine(k, q, states, exclusive);',
          replace: 'spin_unlock_irqrestore(k, q, flags); wakeLine(k, q, states, exclusive); lockLine(k, q);',
        },
      ],
    },
    'a waiter that has been woken leaves the line without its lock': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        {
          file: QUEUE,
          find: 'remove_wait_queue(k, q, wait);',
          replace: 'leaveLine(k, wait); freeEntry(k, wait);',
        },
      ],
    },
  },
);

/** Takes a token; whether there was one. */
function takeToken(k: Kernel): boolean {
  const count = Atomics.load(k.i32, TOKENS);
  return count > 0 && Atomics.compareExchange(k.i32, TOKENS, count, count - 1) === count;
}

function giveToken(k: Kernel): void {
  Atomics.add(k.i32, TOKENS, 1);
  k.wake_up(Q);
}

const interrupted = kernelPart(
  scenario({
    name: 'kernel: an exclusive waiter that a signal interrupts gives its turn to the next',
    machine: oneZone(3),
    setup: (k) => {
      init(k);
      send_sig(k, SIGTERM, cpuTask(k, 1));
    },
    threads: [
      giveToken,
      (k) => {
        if (k.wait_event_interruptible_exclusive(Q, () => takeToken(k)) === 0) giveToken(k);
      },
      (k) => {
        k.wait_event_interruptible_exclusive(Q, () => takeToken(k));
      },
    ],
    final: (k) => expectValue('tokens that nobody took', k.i32[TOKENS], 0),
  }),
  {
    'it keeps its turn': {
      kinds: NOT_WOKEN,
      patches: [
        { file: QUEUE, find: 'if ((k.i32[wait + FLAGS] & WQ_FLAG_WOKEN) !== 0)', replace: 'if (false)' },
      ],
    },
  },
);

/** Waits for a jiffy at most, then sleeps until it is woken: a wake-up that is late must not end that sleep. */
function waitTwice(k: Kernel): void {
  const left = k.wait_event_timeout(Q, () => Atomics.load(k.i32, READY) >= 1, 1);
  k.i32[RESULT] = left;
  set_task_state(k, current(k), TASK_UNINTERRUPTIBLE);
  if (Atomics.load(k.i32, READY) < 2) schedule(k);
  set_task_state(k, current(k), TASK_RUNNING);
  expectValue('what was to be waited for', Atomics.load(k.i32, READY), 2);
  endClock(k);
}

const timed = kernelPart(
  scenario({
    name: 'kernel: the end of a timeout wakes its own sleep only',
    machine: oneZone(2),
    setup: init,
    threads: [
      (k) => {
        Atomics.store(k.i32, READY, 1);
        k.wake_up(Q);
        Atomics.store(k.i32, READY, 2);
        wake_up_process(k, cpuTask(k, 1));
      },
      waitTwice,
    ],
    console: tickForCpu1,
    final: (k) => {
      const timer = cpuTask(k, 1) + TASK.at.timeout;
      expectValue('whether the timer is pending', k.timer_pending(timer) ? 1 : 0, 0);
    },
  }),
  {
    'the timer of a sleep that is over is left alone': {
      kinds: ['assertion'],
      patches: [{ file: TIMEOUT, find: 'del_timer_sync(k, task + TIMER);', replace: '' }],
    },
  },
);

export const WAIT_QUEUE_PARTS: readonly KernelPart[] = [woken, interrupted, timed];

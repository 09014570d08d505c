import type { Kernel } from '../../../kernel/kernel.js';
import { cpuTask } from '../../../kernel/core/tasks.js';
import { MUTEX } from '../../../kernel/sched/mutex.js';
import { send_sig, SIGTERM } from '../../../kernel/sched/signal.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_EXCLUSIVE, NOT_WOKEN, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** Mutexes. */

const FILE = 'kernel/sched/mutex';
const M = scratchLine(0);
const COUNT = scratchLine(1);
/** Who got the mutex. */
const HAD = scratchLine(2);
/** 1 when the first one has it, or had. */
const HELD = scratchLine(3);

function init(k: Kernel): void {
  k.mutex_init(M);
}

function count(k: Kernel): void {
  k.mutex_lock(M);
  k.i32[COUNT]++;
  k.mutex_unlock(M);
}

const exclusive = kernelPart(
  scenario({
    name: 'kernel: three tasks count under a mutex',
    machine: oneZone(3),
    setup: init,
    threads: [count, count, count],
    final: (k) => {
      expectValue('the counter', k.i32[COUNT], 3);
      expectValue('the owner', k.i32[M + MUTEX.at.owner], 0);
    },
  }),
  {
    'who comes looks, and then takes': {
      kinds: [...NOT_EXCLUSIVE, ...NOT_WOKEN],
      patches: [
        {
          file: FILE,
          find: 'if (Atomics.compareExchange(k.i32, mutex + OWNER, before, task | before) === before)',
          replace: 'Atomics.store(k.i32, mutex + OWNER, task | before);',
        },
      ],
    },
    'who waits does not say so': {
      kinds: NOT_WOKEN,
      patches: [
        {
          file: FILE,
          find: 'Atomics.or(k.i32, mutex + OWNER, WAITERS) & ~WAITERS',
          replace: 'Atomics.load(k.i32, mutex + OWNER) & ~WAITERS',
        },
      ],
    },
    'who takes it forgets that others wait': {
      kinds: NOT_WOKEN,
      patches: [
        {
          file: FILE,
          find: 'mutex + OWNER, WAITERS, task | WAITERS) === WAITERS',
          replace: 'mutex + OWNER, WAITERS, task) === WAITERS',
        },
      ],
    },
    'nobody is woken': {
      kinds: NOT_WOKEN,
      patches: [{ file: FILE, find: 'else if (mutexOwner(k, mutex) === 0)', replace: 'else if (false)' }],
    },
  },
);

function tryToCount(k: Kernel): void {
  if (!k.mutex_trylock(M)) return;
  k.i32[COUNT]++;
  k.i32[HAD] = 1;
  k.mutex_unlock(M);
}

function waitUntilHeld(k: Kernel): void {
  while (Atomics.load(k.i32, HELD) === 0) k.cpu_relax(HELD);
}

const quicker = kernelPart(
  scenario({
    name: 'kernel: a mutex goes to who is quicker, and then to who waits',
    machine: oneZone(3),
    setup: init,
    threads: [
      (k) => {
        k.mutex_lock(M);
        Atomics.store(k.i32, HELD, 1);
        k.i32[COUNT]++;
        k.mutex_unlock(M);
      },
      (k) => {
        waitUntilHeld(k);
        count(k);
      },
      (k) => {
        waitUntilHeld(k);
        while (k.mutex_is_locked(M)) k.cpu_relax(M + MUTEX.at.owner);
        tryToCount(k);
      },
    ],
    final: (k) => expectValue('the counter', k.i32[COUNT], 2 + k.i32[HAD]),
  }),
  {
    'it is free before the lock of the line is taken': {
      kinds: [...NOT_EXCLUSIVE, ...NOT_WOKEN],
      patches: [
        {
          file: FILE,
          find: 'forgetHeld(k, mutex, task);',
          replace:
            'forgetHeld(k, mutex, task); if (Atomics.exchange(k.i32, mutex + OWNER, 0) === task) return;',
        },
        { file: FILE, find: 'Atomics.and(k.i32, mutex + OWNER, WAITERS);', replace: '' },
      ],
    },
  },
);

const interrupted = kernelPart(
  scenario({
    name: 'kernel: a signal ends the wait for a mutex, and others go on waiting',
    machine: oneZone(3),
    setup: (k) => {
      init(k);
      send_sig(k, SIGTERM, cpuTask(k, 1));
    },
    threads: [
      count,
      (k) => {
        if (k.mutex_lock_interruptible(M) !== 0) return;
        k.i32[COUNT]++;
        k.i32[HAD] = 1;
        k.mutex_unlock(M);
      },
      count,
    ],
    final: (k) => {
      expectValue('the counter', k.i32[COUNT], 2 + k.i32[HAD]);
      expectValue('the owner', k.i32[M + MUTEX.at.owner], 0);
    },
  }),
  {
    'who leaves says that nobody waits': {
      kinds: NOT_WOKEN,
      patches: [{ file: FILE, find: 'if (firstInLine(k, mutex) === 0)', replace: 'if (true)' }],
    },
    'who leaves stays in line': {
      kinds: [...NOT_WOKEN, 'assertion'],
      patches: [
        { file: FILE, find: 'leaveLine(k, wait);', replace: 'if (result === 0) leaveLine(k, wait);' },
      ],
    },
  },
);

export const MUTEX_PARTS: readonly KernelPart[] = [exclusive, quicker, interrupted];

import type { Kernel } from '../../../kernel/kernel.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_EXCLUSIVE, NOT_WOKEN, SLEEP_AT_ONCE, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** The spinlock with its real code, down to the futex; and what its users must not forget. */

const LOCK = scratchLine(0);
const COUNTER = scratchLine(1);
/** 1 when the interrupt came. */
const CAME = scratchLine(2);

function count(k: Kernel): void {
  k.spin_lock(LOCK);
  k.i32[COUNTER]++;
  k.spin_unlock(LOCK);
}

function tryToCount(k: Kernel): void {
  while (!k.spin_trylock(LOCK)) {
    while (k.spin_is_locked(LOCK)) k.cpu_relax(LOCK);
  }
  k.i32[COUNTER]++;
  k.spin_unlock(LOCK);
}

const FILE = 'kernel/core/raw-lock';

const sleeping = kernelPart(
  scenario({
    name: 'kernel: three CPUs count under a spinlock',
    machine: oneZone(3),
    realLocks: true,
    patches: [SLEEP_AT_ONCE],
    threads: [count, count, count],
    final: (k) => expectValue('the counter', k.i32[COUNTER], 3),
  }),
  {
    'the first look takes the lock without testing it': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        {
          file: FILE,
          find: 'Atomics.compareExchange(i32, lock, 0, k.cpu + 1) !== 0',
          replace: 'Atomics.exchange(i32, lock, k.cpu + 1) < 0',
        },
      ],
    },
    'a waiter looks, and then takes': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        {
          file: FILE,
          find: 'Atomics.compareExchange(i32, lock, 0, mine) === 0',
          replace: 'Atomics.exchange(i32, lock, mine) >= 0',
        },
      ],
    },
    'a waiter does not say that it sleeps': {
      kinds: NOT_WOKEN,
      patches: [
        { file: FILE, find: 'const contended = value | CONTENDED;', replace: 'const contended = value;' },
      ],
    },
    'who was woken forgets that others may sleep': {
      kinds: NOT_WOKEN,
      patches: [{ file: FILE, find: '(k.cpu + 1) | CONTENDED', replace: 'k.cpu + 1' }],
    },
    'the unlock wakes nobody': {
      kinds: NOT_WOKEN,
      patches: [{ file: FILE, find: 'before !== me', replace: 'before < 0' }],
    },
    'the unlock looks for sleepers, and then releases': {
      kinds: NOT_WOKEN,
      patches: [
        {
          file: FILE,
          find: 'const before = Atomics.exchange(i32, lock, 0);',
          replace: 'const before = Atomics.load(i32, lock); Atomics.store(i32, lock, 0);',
        },
      ],
    },
    'the unlock is a plain store': {
      kinds: ['race', ...NOT_WOKEN],
      patches: [
        {
          file: FILE,
          find: 'const before = Atomics.exchange(i32, lock, 0);',
          replace: 'const before = me; i32[lock] = 0;',
        },
      ],
    },
  },
);

const trying = kernelPart(
  scenario({
    name: 'kernel: spin_trylock of two CPUs',
    machine: oneZone(2),
    realLocks: true,
    threads: [tryToCount, tryToCount],
    final: (k) => expectValue('the counter', k.i32[COUNTER], 2),
  }),
  {
    'it looks, and then takes': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        {
          file: FILE,
          find: 'Atomics.compareExchange(i32, lock, 0, k.cpu + 1) === 0',
          replace: 'Atomics.exchange(i32, lock, k.cpu + 1) >= 0',
        },
      ],
    },
  },
);

function countWithInterruptsOff(k: Kernel): void {
  const flags = k.spin_lock_irqsave(LOCK);
  k.i32[COUNTER]++;
  k.spin_unlock_irqrestore(LOCK, flags);
}

function countInHandler(k: Kernel): void {
  k.i32[CAME] = 1;
  count(k);
}

const interrupted = kernelPart(
  scenario({
    name: 'kernel: a spinlock that an interrupt handler takes too',
    machine: oneZone(2),
    threads: [countWithInterruptsOff, countWithInterruptsOff],
    interrupts: [{ cpu: 0, handler: countInHandler }],
    final: (k) => expectValue('the counter', k.i32[COUNTER], 2 + k.i32[CAME]),
  }),
  {
    'spin_lock_irqsave leaves interrupts on': {
      kinds: ['deadlock', 'assertion'],
      patches: [
        {
          file: 'kernel/sync/spinlock',
          find: 'const flags = local_irq_save(k);',
          replace: 'const flags = 0;',
        },
      ],
    },
  },
);

export const SPINLOCK_PARTS: readonly KernelPart[] = [sleeping, trying, interrupted];

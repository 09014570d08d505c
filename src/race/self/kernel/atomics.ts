import type { Kernel } from '../../../kernel/kernel.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** Atomic counters and bits: nothing is lost, and of those who compete for something exactly one gets it. */

const VALUE = scratchLine(0);
/** How many CPUs were told that they were the one. */
const WINNERS = scratchLine(1);

const ATOMIC = 'kernel/sync/atomic';

const counting = kernelPart(
  scenario({
    name: 'kernel: three CPUs count with atomic_inc',
    machine: oneZone(3),
    threads: [(k) => k.atomic_inc(VALUE), (k) => k.atomic_inc(VALUE), (k) => k.atomic_inc(VALUE)],
    final: (k) => expectValue('the value', k.i32[VALUE], 3),
  }),
  {
    'a plain increment': {
      kinds: ['race'],
      patches: [{ file: ATOMIC, find: 'Atomics.add(k.i32, v, 1);', replace: 'k.i32[v] = k.i32[v] + 1;' }],
    },
    'a load and a store': {
      kinds: ['assertion'],
      patches: [
        {
          file: ATOMIC,
          find: 'Atomics.add(k.i32, v, 1);',
          replace: 'Atomics.store(k.i32, v, Atomics.load(k.i32, v) + 1);',
        },
      ],
    },
  },
);

function dropReference(k: Kernel): void {
  if (k.atomic_dec_and_test(VALUE)) k.atomic_inc(WINNERS);
}

const dropping = kernelPart(
  scenario({
    name: 'kernel: the last of three references, by atomic_dec_and_test',
    machine: oneZone(3),
    setup: (k) => {
      k.i32[VALUE] = 3;
    },
    threads: [dropReference, dropReference, dropReference],
    final: (k) => expectValue('the number of last owners', k.i32[WINNERS], 1),
  }),
  {
    'decrements, and then looks': {
      kinds: ['assertion'],
      patches: [
        {
          file: ATOMIC,
          find: 'Atomics.sub(k.i32, v, 1) === 1',
          replace: '(Atomics.sub(k.i32, v, 1), Atomics.load(k.i32, v) === 0)',
        },
      ],
    },
  },
);

/** More than the limit may not come in. */
const LIMIT = 2;

function comeIn(k: Kernel): void {
  if (k.atomic_add_unless(VALUE, 1, LIMIT)) k.atomic_inc(WINNERS);
}

const limited = kernelPart(
  scenario({
    name: 'kernel: two places for three, by atomic_add_unless',
    machine: oneZone(3),
    threads: [comeIn, comeIn, comeIn],
    final: (k) => {
      expectValue('the number of those who came in', k.i32[WINNERS], LIMIT);
      expectValue('the value', k.i32[VALUE], LIMIT);
    },
  }),
  {
    'believes in having added when another was faster': {
      kinds: ['assertion'],
      patches: [{ file: ATOMIC, find: 'before === value', replace: 'before !== u' }],
    },
  },
);

const BIT = 37;

function claimBit(k: Kernel): void {
  if (!k.test_and_set_bit(BIT, VALUE)) k.atomic_inc(WINNERS);
}

const claiming = kernelPart(
  scenario({
    name: 'kernel: two CPUs claim a bit by test_and_set_bit',
    machine: oneZone(2),
    threads: [claimBit, claimBit],
    final: (k) => expectValue('the number of claims', k.i32[WINNERS], 1),
  }),
  {
    'looks, and then sets': {
      kinds: ['assertion'],
      patches: [
        {
          file: 'kernel/sync/bitops',
          find: 'return ((Atomics.or(k.i32, addr + (nr >>> 5), 1 << (nr & 31))',
          replace: 'const old = Atomics.load(k.i32, addr + (nr >>> 5)); set_bit(k, nr, addr); return ((old',
        },
      ],
    },
  },
);

export const ATOMIC_PARTS: readonly KernelPart[] = [counting, dropping, limited, claiming];

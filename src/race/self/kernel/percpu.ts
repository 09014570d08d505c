import { PAGE_WORDS } from '../../../arch/page.js';
import { CPU_AREA } from '../../../kernel/core/cpu-area.js';
import { KERNEL } from '../../../kernel/core/kernel-data.js';
import { claimCpu, takeClaimedCpu, unclaimCpu } from '../../../kernel/cpu/ownership.js';
import { takeCpuDown } from '../../../kernel/hotplug.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { PERCPU_CHUNK_WORDS } from '../../../kernel/mm/percpu-alloc.js';
import { FBC_BATCH } from '../../../kernel/mm/percpu-counter.js';
import { int } from '../../../kernel/mm/percpu-types.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_GUARDED, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { expectMemory, noteFreePages } from './memory-check.js';
import { scratchLine } from './scratch.js';

/** Per-CPU variables: what protects a copy, and against whom; counters that spill; where dynamic copies come from. */

const ACCESS = 'kernel/mm/percpu-access';
const ALLOC = 'kernel/mm/percpu-alloc';
const COUNTER = 'kernel/mm/percpu-counter';

/** The variable of the scenario. */
const VARIABLE = scratchLine(0);
/** 1 when the interrupt came. */
const CAME = scratchLine(1);
/** A percpu_counter. */
const FBC = scratchLine(2);

function defineVariable(k: Kernel): void {
  k.i32[VARIABLE] = k.DEFINE_PER_CPU(int, 'hits');
}

function sumOfCopies(k: Kernel): number {
  let sum = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) sum += k.i32[k.per_cpu(k.i32[VARIABLE], cpu)];
  return sum;
}

/** The guarded increment of the books. */
function count(k: Kernel): void {
  const variable = k.i32[VARIABLE];
  k.i32[k.get_cpu_var(variable)]++;
  k.put_cpu_var(variable);
}

const guarded = kernelPart(
  scenario({
    name: 'kernel: CPUs count in their own copies of a per-CPU variable',
    machine: oneZone(2),
    setup: defineVariable,
    threads: [count, count],
    final: (k) => expectValue('the sum of all copies', sumOfCopies(k), 2),
  }),
  {
    'all CPUs have the copy of one': {
      kinds: ['race', 'assertion'],
      patches: [
        {
          file: ACCESS,
          find: 'return (k.area & INDEX) + variable;',
          replace: 'return k.i32[KERNEL.cpu_area] + variable;',
        },
      ],
    },
  },
);

/** What an interrupt handler counts too needs interrupts off, besides. */
function countWithInterruptsOff(k: Kernel): void {
  const flags = k.local_irq_save();
  count(k);
  k.local_irq_restore(flags);
}

function countInHandler(k: Kernel): void {
  k.i32[CAME] = 1;
  count(k);
}

const interrupted = kernelPart(
  scenario({
    name: 'kernel: an interrupt handler counts in the same per-CPU variable',
    machine: oneZone(1),
    setup: defineVariable,
    threads: [countWithInterruptsOff],
    interrupts: [{ cpu: 0, handler: countInHandler }],
    final: (k) => expectValue('the sum of all copies', sumOfCopies(k), 1 + k.i32[CAME]),
  }),
  {
    'get_cpu_var alone, with interrupts on': {
      kinds: ['assertion', 'race'],
      patches: [{ file: 'kernel/core/irqflags', find: 'i32[area + IRQS_DISABLED] = 1;', replace: '' }],
    },
  },
);

function makeCounter(k: Kernel): void {
  if (k.percpu_counter_init(FBC, 0) !== 0) throw new Error('there is no memory for a counter');
}

/** Comes close to a spill, and then spills. */
function fillAndSpill(k: Kernel): void {
  k.percpu_counter_add(FBC, FBC_BATCH - 1);
  k.percpu_counter_inc(FBC);
}

/** A sum is what was counted at some moment, for one CPU that counts: never what was not. */
function sumMeanwhile(k: Kernel): void {
  const sum = k.percpu_counter_sum(FBC);
  if (sum !== 0 && sum < FBC_BATCH - 1) throw new Error(`the sum is ${sum}`);
  if (sum > FBC_BATCH) throw new Error(`the sum is ${sum}, but only ${FBC_BATCH} were counted`);
}

const spilling = kernelPart(
  scenario({
    name: 'kernel: a percpu_counter is summed while a CPU spills its batch',
    machine: oneZone(2),
    setup: makeCounter,
    threads: [fillAndSpill, sumMeanwhile],
    final: (k) => expectValue('the count', k.percpu_counter_read(FBC), FBC_BATCH),
  }),
  {
    'a batch spills without the lock': {
      kinds: ['race', 'assertion'],
      patches: [
        { file: COUNTER, find: 'spin_lock(k, counter);', replace: '' },
        { file: COUNTER, find: 'spin_unlock(k, counter);', replace: '' },
      ],
    },
    'the copy is cleared after the unlock': {
      kinds: ['assertion'],
      patches: [
        { file: COUNTER, find: 'k.i32[copy] = 0;', replace: '' },
        {
          file: COUNTER,
          find: 'spin_unlock(k, counter);',
          replace: 'spin_unlock(k, counter); k.i32[copy] = 0;',
        },
      ],
    },
  },
);

const bothSpill = kernelPart(
  scenario({
    name: 'kernel: two CPUs spill into a percpu_counter',
    machine: oneZone(2),
    setup: makeCounter,
    threads: [fillAndSpill, fillAndSpill],
    final: (k) => expectValue('the count', k.percpu_counter_read(FBC), 2 * FBC_BATCH),
  }),
  {
    'a batch spills without the lock': {
      kinds: ['race', 'assertion'],
      patches: [
        { file: COUNTER, find: 'spin_lock(k, counter);', replace: '' },
        { file: COUNTER, find: 'spin_unlock(k, counter);', replace: '' },
      ],
    },
  },
);

/** A counter with 3 that CPU 1, which is idle, has not spilled. */
function countOnOther(k: Kernel): void {
  makeCounter(k);
  k.as(1).percpu_counter_add(FBC, 3);
}

/** Takes CPU 1 down. */
function unplug(k: Kernel): void {
  const owner = k.i32[KERNEL.cpu_area + 1] + CPU_AREA.at.owner;
  claimCpu(k, 1);
  while (!takeClaimedCpu(k, 1)) k.cpu_relax(owner);
  takeCpuDown(k, 1);
  unclaimCpu(k, 1);
}

function expectThree(k: Kernel): void {
  expectValue('the sum', k.percpu_counter_sum(FBC), 3);
}

const unplugged = kernelPart(
  scenario({
    name: 'kernel: a percpu_counter is summed while a CPU that has counted goes away',
    machine: oneZone(2),
    setup: countOnOther,
    threads: [expectThree],
    console: unplug,
    final: expectThree,
  }),
  {
    'what the CPU has counted goes with it': {
      kinds: ['assertion'],
      patches: [{ file: 'kernel/hotplug', find: 'percpu_counters_fold(gone);', replace: '' }],
    },
    'the CPU is offline before its counts are folded': {
      kinds: ['assertion'],
      patches: [
        {
          file: 'kernel/hotplug',
          find: 'percpu_counters_fold(gone);',
          replace: 'setCpuState(k, cpu, CPU_OFFLINE); percpu_counters_fold(gone);',
        },
      ],
    },
  },
);

/** A variable that keeps a chunk in being. */
function keepChunk(k: Kernel): void {
  if (k.alloc_percpu(int) === 0) throw new Error('there is no memory for a chunk');
}

/** Has a dynamic variable for a while, and no one else writes into its copies. */
function useDynamic(k: Kernel): void {
  const pointer = k.alloc_percpu(int);
  if (pointer === 0) throw new Error('alloc_percpu failed although there is memory');
  for (let cpu = 0; cpu < 2; cpu++) {
    const copy = k.per_cpu_ptr(pointer, cpu);
    expectValue('a new copy', k.i32[copy], 0);
    k.i32[copy] = k.cpu + 1;
  }
  for (let cpu = 0; cpu < 2; cpu++) expectValue('a copy', k.i32[k.per_cpu_ptr(pointer, cpu)], k.cpu + 1);
  k.free_percpu(pointer);
}

const allocating = kernelPart(
  scenario({
    name: 'kernel: two CPUs allocate per-CPU variables in one chunk',
    machine: oneZone(2),
    setup: keepChunk,
    threads: [useDynamic, useDynamic],
  }),
  {
    'a chunk is divided without the lock': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: ALLOC,
          find: 'const irq = spin_lock_irqsave(k, KERNEL.percpu_lock);',
          replace: 'const irq = 0;',
        },
        { file: ALLOC, find: 'spin_unlock_irqrestore(k, KERNEL.percpu_lock, irq);', replace: 'void irq;' },
      ],
    },
  },
);

const chunks = kernelPart(
  scenario({
    name: 'kernel: two CPUs allocate the first per-CPU variables, and free them',
    machine: oneZone(2),
    setup: noteFreePages,
    threads: [useDynamic, useDynamic],
    final: (k) => expectMemory(k),
  }),
  {
    'a chunk whose pages are freed stays where variables come from': {
      kinds: [...NOT_GUARDED, 'leak'],
      patches: [{ file: ALLOC, find: 'i32[CHUNK_BLOCKS + chunk] = 0;', replace: '' }],
    },
  },
);

/** The pages of a chunk for two CPUs: its own, and a part for each. */
const CHUNK_PAGES = 1 + (2 * PERCPU_CHUNK_WORDS) / PAGE_WORDS;

const sameChunk = kernelPart(
  scenario({
    name: 'kernel: a CPU makes a chunk of per-CPU variables while another one does, too',
    machine: oneZone(2),
    setup: noteFreePages,
    threads: [keepChunk, useDynamic],
    final: (k) => expectMemory(k, CHUNK_PAGES),
  }),
  {
    'a chunk gets a number although another one has space by now': {
      kinds: ['assertion'],
      patches: [
        {
          file: ALLOC,
          find: 'let pointer = findSpace(k, words, align);',
          replace: 'let pointer = page === 0 ? findSpace(k, words, align) : 0;',
        },
      ],
    },
  },
);

export const PERCPU_PARTS: readonly KernelPart[] = [
  guarded,
  interrupted,
  spilling,
  bothSpill,
  unplugged,
  allocating,
  chunks,
  sameChunk,
];

import { GFP_KERNEL } from '../../../kernel/mm/gfp.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { scenario } from '../../scenario.js';
import { kernelPart, NOT_GUARDED, SLEEP_AT_ONCE, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { expectMemory, expectNothingListed, noteFreePages } from './memory-check.js';
import { givePages, setHotLists, takePages } from './pages.js';

/** Draining the page lists of all CPUs by interrupts between them, served also for CPUs that are idle. */

const CALLS = 'kernel/cpu/smp-call';
const LISTS = 'kernel/mm/page-sets';
const NUMBER_FOR_CPU = 'Atomics.store(k.i32, k.i32[KERNEL.cpu_area + cpu] + TODO, number);';
const INTERRUPT_CPU = 'raiseInterrupt(k, cpu, IRQ_CALL_FUNCTION);';

function prepareLists(k: Kernel): void {
  setHotLists(k, 6, 2);
  noteFreePages(k);
}

function singlePage(k: Kernel): void {
  const page = takePages(k, GFP_KERNEL, 0, k.cpu + 1);
  givePages(k, page, 0, k.cpu + 1);
}

function drainAll(k: Kernel): void {
  k.drain_all_pages();
}

/** Nobody answers: the caller waits, and says so after a while. */
const NO_ANSWER = ['deadlock', 'livelock', 'lost-wakeup'] as const;

const drain = kernelPart(
  scenario({
    name: 'kernel: a CPU drains all page lists while another allocates',
    machine: oneZone(2),
    setup: prepareLists,
    threads: [drainAll, singlePage],
    final: (k) => expectMemory(k),
  }),
  {
    'a CPU drains the lists of another': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: LISTS,
          find: 'i32[zone + PAGESET + k.cpu] + list * PCP_WORDS',
          replace: 'i32[zone + PAGESET + (k.cpu ^ 1)] + list * PCP_WORDS',
        },
      ],
    },
    'the caller takes the place of a CPU that is not idle': {
      kinds: [...NOT_GUARDED, 'deadlock'],
      patches: [
        {
          file: 'kernel/cpu/ownership',
          find: 'return undefined;',
          replace: 'Atomics.store(k.i32, area + OWNER, k.platform.thread);',
        },
      ],
    },
    'a CPU is interrupted before it can see the call': {
      kinds: NO_ANSWER,
      patches: [
        { file: CALLS, find: NUMBER_FOR_CPU, replace: '' },
        { file: CALLS, find: INTERRUPT_CPU, replace: `${INTERRUPT_CPU} ${NUMBER_FOR_CPU}` },
      ],
    },
  },
);

function fillListOfOther(k: Kernel): void {
  setHotLists(k, 6, 2);
  noteFreePages(k);
  singlePage(k.as(1));
}

function letInterruptsIn(k: Kernel): void {
  k.poll();
}

const waiting = kernelPart(
  scenario({
    name: 'kernel: when drain_all_pages returns, all lists are empty',
    machine: oneZone(2),
    setup: fillListOfOther,
    threads: [
      (k) => {
        k.drain_all_pages();
        expectNothingListed(k, 1);
      },
      letInterruptsIn,
    ],
    final: (k) => expectMemory(k),
  }),
  {
    'a call counts as finished when it begins': {
      kinds: ['assertion', 'race'],
      patches: [{ file: CALLS, find: 'if (!wait)', replace: 'if (true)' }],
    },
  },
);

const both = kernelPart(
  scenario({
    name: 'kernel: two CPUs drain all page lists at once',
    machine: oneZone(2),
    realLocks: true,
    patches: [SLEEP_AT_ONCE],
    setup: fillListOfOther,
    threads: [drainAll, drainAll],
    final: (k) => {
      expectMemory(k);
      expectNothingListed(k, 1);
    },
  }),
  {
    'calls are not kept apart by call_lock': {
      kinds: [...NOT_GUARDED, ...NO_ANSWER],
      patches: [
        { file: CALLS, find: 'spin_lock(k, KERNEL.call_lock);', replace: '' },
        { file: CALLS, find: 'spin_unlock(k, KERNEL.call_lock);', replace: '' },
      ],
    },
    'a CPU that waits for a lock serves no interrupts': {
      kinds: NO_ANSWER,
      patches: [{ file: 'kernel/core/lock-wait', find: 'poll(k);', replace: '' }],
    },
  },
);

export const DRAIN_PARTS: readonly KernelPart[] = [drain, waiting, both];

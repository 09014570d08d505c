import { __GFP_COLD, GFP_ATOMIC, GFP_KERNEL } from '../../../kernel/mm/gfp.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { scenario } from '../../scenario.js';
import { kernelPart, NOT_GUARDED, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { expectMemory, noteFreePages } from './memory-check.js';
import { givePages, setHotLists, takePages } from './pages.js';
import { scratchLine } from './scratch.js';

/** The lists of single pages that each CPU has for itself. */

const LISTS = 'kernel/mm/page-sets';
const SHORT_WAY = 'kernel/mm/hot-pages';
const RMQUEUE = 'kernel/mm/rmqueue';

/** The address of the page that an interrupt handler has, a double; 0 for none. */
const KEPT = scratchLine(0) / 2;
/** What the handler marks its page with. */
const HANDLER = 9;

/** A refill brings two pages; with two on the list, the next one sends two back. */
function prepareLists(k: Kernel): void {
  setHotLists(k, 2, 2);
  noteFreePages(k);
}

function twoPages(k: Kernel): void {
  const first = takePages(k, GFP_KERNEL, 0, k.cpu + 1);
  const second = takePages(k, GFP_KERNEL, 0, k.cpu + 1);
  givePages(k, first, 0, k.cpu + 1);
  givePages(k, second, 0, k.cpu + 1);
}

function singlePage(k: Kernel): void {
  const page = takePages(k, GFP_KERNEL, 0, k.cpu + 1);
  givePages(k, page, 0, k.cpu + 1);
}

const refill = kernelPart(
  scenario({
    name: 'kernel: two CPUs refill their page lists and give pages back',
    machine: oneZone(2),
    setup: prepareLists,
    threads: [twoPages, twoPages],
    final: (k) => expectMemory(k),
  }),
  {
    'a list is refilled without zone->lock': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: LISTS,
          find: 'const pfn = __rmqueue(k, zone, 0, type);',
          replace:
            'spin_unlock(k, zone + LOCK); const pfn = __rmqueue(k, zone, 0, type); spin_lock(k, zone + LOCK);',
        },
      ],
    },
    'a batch goes back without zone->lock': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: LISTS,
          find: '__free_one_page(k, zone, (link - LRU - map) >> STRUCT_SHIFT, 0);',
          replace:
            'spin_unlock(k, zone + LOCK); __free_one_page(k, zone, (link - LRU - map) >> STRUCT_SHIFT, 0); ' +
            'spin_lock(k, zone + LOCK);',
        },
      ],
    },
    'all CPUs allocate from the list of CPU 0': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: SHORT_WAY,
          find: 'i32[area + PREFERRED_SETS + zoneModifiers(gfp_mask)] & INDEX',
          replace: 'i32[i32[KERNEL.cpu_area] + PREFERRED_SETS + zoneModifiers(gfp_mask)] & INDEX',
        },
      ],
    },
    'all CPUs free to the list of CPU 0': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: SHORT_WAY,
          find: 'i32[area + PAGE_SETS + (pageFlags >>> ZONE_SHIFT)] & INDEX',
          replace: 'i32[i32[KERNEL.cpu_area] + PAGE_SETS + (pageFlags >>> ZONE_SHIFT)] & INDEX',
        },
      ],
    },
  },
);

/** Pages on the list, so that the short way serves what comes. */
function fillList(k: Kernel): void {
  setHotLists(k, 6, 3);
  givePages(k, takePages(k, GFP_KERNEL, 0, 1), 0, 1);
  noteFreePages(k);
}

/** Keeps its page, so that nothing is as it was before. */
function pageInHandler(k: Kernel): void {
  k.f64[KEPT] = takePages(k, GFP_ATOMIC, 0, HANDLER);
}

/** Frees what the interrupt handler has kept, which nobody else may have touched. */
function freeKept(k: Kernel): void {
  const kept = k.f64[KEPT];
  if (kept !== 0) givePages(k, kept, 0, HANDLER);
  expectMemory(k);
}

const shortWay = kernelPart(
  scenario({
    name: 'kernel: an interrupt handler allocates and frees a page while its CPU does',
    machine: oneZone(1),
    setup: fillList,
    threads: [singlePage],
    interrupts: [{ cpu: 0, handler: pageInHandler }],
    final: freeKept,
  }),
  {
    'the short way allocates with interrupts on': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: SHORT_WAY,
          find: 'const pfn = takeFirst(',
          replace: 'i32[area + IRQS_DISABLED] = 0; const pfn = takeFirst(',
        },
      ],
    },
    'the short way frees with interrupts on': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: SHORT_WAY,
          find: 'i32[page + COUNT] = 0;',
          replace: 'i32[area + IRQS_DISABLED] = 0; i32[page + COUNT] = 0;',
        },
      ],
    },
  },
);

function coldPage(k: Kernel): void {
  const page = takePages(k, GFP_KERNEL | __GFP_COLD, 0, k.cpu + 1);
  givePages(k, page, 0, k.cpu + 1);
}

function coldPageInHandler(k: Kernel): void {
  k.f64[KEPT] = takePages(k, GFP_ATOMIC | __GFP_COLD, 0, HANDLER);
}

const longWay = kernelPart(
  scenario({
    name: 'kernel: an interrupt handler allocates a page the long way while its CPU does',
    machine: oneZone(1),
    setup: fillList,
    threads: [coldPage],
    interrupts: [{ cpu: 0, handler: coldPageInHandler }],
    final: freeKept,
  }),
  {
    'the long way allocates with interrupts on': {
      kinds: [...NOT_GUARDED, 'deadlock'],
      patches: [
        {
          file: RMQUEUE,
          find: 'const cold = (gfp_mask & COLD_BIT) >>> 8;',
          replace: 'const cold = (gfp_mask & COLD_BIT) >>> 8; k.i32[k.area + CPU_AREA.at.irqs_disabled] = 0;',
        },
      ],
    },
  },
);

export const PAGE_LIST_PARTS: readonly KernelPart[] = [refill, shortWay, longWay];

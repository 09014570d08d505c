import { ZONE_DMA } from '../../../arch/address-space.js';
import { KERNEL } from '../../../kernel/core/kernel-data.js';
import {
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_TEMPORARY,
  MIGRATE_MOVABLE,
  MIGRATE_UNMOVABLE,
} from '../../../kernel/mm/gfp.js';
import { FREE_AREA, freeArea, MAX_ORDER, zoneOf } from '../../../kernel/mm/zone.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { scenario } from '../../scenario.js';
import { kernelPart, NOT_GUARDED, type KernelPart } from './kernel-part.js';
import { groupedZone, oneZone } from './machines.js';
import { expectMemory, noteFreePages } from './memory-check.js';
import { allowAll, givePages, setHotLists, takePages } from './pages.js';
import { scratchLine } from './scratch.js';

/** The buddy system: no frame has two owners, and no free page is lost or counted twice. */

const RMQUEUE = 'kernel/mm/rmqueue';
const FREE = 'kernel/mm/page-free';
const BUDDY = 'kernel/mm/buddy';

/** A block of two pages there and back: it splits a larger block, and merges with its other half again. */
function pairThereAndBack(k: Kernel): void {
  const address = takePages(k, GFP_KERNEL, 1, k.cpu + 1);
  givePages(k, address, 1, k.cpu + 1);
}

const blocks = kernelPart(
  scenario({
    name: 'kernel: two CPUs allocate and free blocks of two pages',
    machine: oneZone(2),
    setup: noteFreePages,
    threads: [pairThereAndBack, pairThereAndBack],
    final: (k) => expectMemory(k),
  }),
  {
    'a block is taken without zone->lock': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: RMQUEUE,
          find: 'const pfn = __rmqueue(k, zone, order, type);',
          replace:
            'spin_unlock(k, zone + ZONE_LOCK); const pfn = __rmqueue(k, zone, order, type); ' +
            'spin_lock(k, zone + ZONE_LOCK);',
        },
      ],
    },
    'a block is freed without zone->lock': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: FREE,
          find: '__free_one_page(k, zone, pfn, order);',
          replace:
            'spin_unlock(k, zone + ZONE_LOCK); __free_one_page(k, zone, pfn, order); ' +
            'spin_lock(k, zone + ZONE_LOCK);',
        },
      ],
    },
  },
);

/** Lists that hold a page or two between a refill of one and a limit of three. */
function prepareLists(k: Kernel): void {
  setHotLists(k, 3, 1);
  noteFreePages(k);
}

/** Single pages of the CPU's list and a block beside them: their buddies are in use, free, or on a list. */
function singleAndPair(k: Kernel): void {
  const single = takePages(k, GFP_KERNEL, 0, k.cpu + 1);
  const other = takePages(k, GFP_KERNEL, 0, k.cpu + 1);
  const pair = takePages(k, GFP_KERNEL, 1, k.cpu + 1);
  givePages(k, single, 0, k.cpu + 1);
  givePages(k, other, 0, k.cpu + 1);
  givePages(k, pair, 1, k.cpu + 1);
  k.drain_local_pages();
}

const neighbours = kernelPart(
  scenario({
    name: 'kernel: blocks are freed beside pages of other CPUs',
    machine: oneZone(2),
    setup: prepareLists,
    threads: [singleAndPair, singleAndPair],
    final: (k) => expectMemory(k),
  }),
  {
    'a free block merges with whatever looks like its size': {
      kinds: NOT_GUARDED,
      patches: [{ file: BUDDY, find: '(flags & BUDDY_BIT) !== 0', replace: 'order >= 0' }],
    },
  },
);

/** The address of a page in the pageblock that is taken over, a double. */
const LEFT = scratchLine(0) / 2;

/** Allocates the free blocks of a type. */
function takeAll(k: Kernel, zone: number, type: number, gfp_mask: number): void {
  for (let order = MAX_ORDER - 1; order >= 0; order--) {
    const head = freeArea(zone, order) + FREE_AREA.at.free_list + 2 * type;
    while (k.i32[head] !== head) k.alloc_pages(gfp_mask, order);
  }
}

/**
 * Leaves as free memory only the rest of one pageblock, and the reserve; a movable page of that pageblock is in use.
 */
function leaveOnePageblock(k: Kernel): void {
  setHotLists(k, 3, 1);
  allowAll(k);
  const zone = zoneOf(k, 0, ZONE_DMA);
  const largest = MAX_ORDER - 1;
  const rest = k.alloc_pages(GFP_HIGHUSER_MOVABLE, largest);
  takeAll(k, zone, MIGRATE_MOVABLE, GFP_HIGHUSER_MOVABLE);
  // What the slab allocator has left of its pageblock.
  takeAll(k, zone, MIGRATE_UNMOVABLE, GFP_KERNEL);
  k.__free_pages(rest, largest);
  k.alloc_pages(GFP_HIGHUSER_MOVABLE, k.i32[KERNEL.pageblock_order]);
  k.f64[LEFT] = k.page_address(k.alloc_page(GFP_HIGHUSER_MOVABLE));
  noteFreePages(k);
}

/** A request of another type takes the pageblock over, while a page goes to a list by the pageblock's type. */
const types = kernelPart(
  scenario({
    name: 'kernel: a pageblock changes its type while one of its pages is freed',
    machine: groupedZone(2),
    setup: leaveOnePageblock,
    threads: [
      (k) => {
        const address = takePages(k, GFP_TEMPORARY, 0, 1);
        givePages(k, address, 0, 1);
      },
      (k) => k.free_page(k.f64[LEFT]),
    ],
    final: (k) => expectMemory(k, -1),
  }),
  {
    'the type of a pageblock is read plainly': {
      kinds: ['race'],
      patches: [
        {
          file: BUDDY,
          find: 'readOnce(k, (i32[zone + PAGEBLOCK_TYPES] + (pfn >>> i32[PAGEBLOCK_ORDER])) & INDEX)',
          replace: 'i32[(i32[zone + PAGEBLOCK_TYPES] + (pfn >>> i32[PAGEBLOCK_ORDER])) & INDEX]',
        },
      ],
    },
  },
);

function pairInHandler(k: Kernel): void {
  const address = takePages(k, GFP_ATOMIC, 1, 9);
  givePages(k, address, 1, 9);
}

const interrupted = kernelPart(
  scenario({
    name: 'kernel: an interrupt handler allocates a block',
    machine: oneZone(1),
    setup: noteFreePages,
    threads: [pairThereAndBack],
    interrupts: [{ cpu: 0, handler: pairInHandler }],
    final: (k) => expectMemory(k),
  }),
  {
    'zone->lock is taken with interrupts on': {
      kinds: ['deadlock', 'assertion'],
      patches: [
        {
          file: FREE,
          find: 'k.f64[(k.area + PGFREE) >>> 1] += 1 << order;',
          replace:
            'k.i32[k.area + CPU_AREA.at.irqs_disabled] = 0; k.f64[(k.area + PGFREE) >>> 1] += 1 << order;',
        },
      ],
    },
  },
);

export const BUDDY_PARTS: readonly KernelPart[] = [blocks, neighbours, types, interrupted];

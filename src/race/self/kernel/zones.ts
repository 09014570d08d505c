import { ZONE_DMA32 } from '../../../arch/address-space.js';
import { GFP_DMA, GFP_KERNEL } from '../../../kernel/mm/gfp.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { FREE_AREA, freeArea, MAX_ORDER, zoneOf } from '../../../kernel/mm/zone.js';
import { scenario } from '../../scenario.js';
import { kernelPart, NOT_GUARDED, type KernelPart } from './kernel-part.js';
import { twoZones } from './machines.js';
import { expectMemory, noteFreePages } from './memory-check.js';
import { allowAll, givePages, setHotLists, takePages } from './pages.js';

/**
 * Watermarks, which are looked at without the lock, and the fallback to the next zone. A zone that passed the check can be
 * empty when its lock is taken; then the next one must serve.
 */

const LISTS = 'kernel/mm/page-sets';
const RMQUEUE = 'kernel/mm/rmqueue';

/** Takes all of DMA32, for ever; requests may go down to the last page. */
function emptyDma32(k: Kernel): void {
  setHotLists(k, 0, 1);
  allowAll(k);
  const dma32 = zoneOf(k, 0, ZONE_DMA32);
  for (let order = MAX_ORDER - 1; order >= 0; order--) {
    const blocks = freeArea(dma32, order) + FREE_AREA.at.nr_free;
    while (k.i32[blocks] !== 0) k.alloc_pages(GFP_KERNEL, order);
  }
}

/** Leaves one page in DMA32. */
function leaveOnePage(k: Kernel): void {
  const left = k.alloc_page(GFP_KERNEL);
  emptyDma32(k);
  k.__free_page(left);
  noteFreePages(k);
}

function singlePage(k: Kernel): void {
  const page = takePages(k, GFP_KERNEL, 0, k.cpu + 1);
  givePages(k, page, 0, k.cpu + 1);
}

const lastPage = kernelPart(
  scenario({
    name: 'kernel: two CPUs want the last page of a zone',
    machine: twoZones(2),
    setup: leaveOnePage,
    threads: [singlePage, singlePage],
    final: (k) => expectMemory(k),
  }),
  {
    'the watermark is believed once the lock is taken': {
      kinds: [...NOT_GUARDED, 'out-of-bounds', 'livelock'],
      patches: [{ file: LISTS, find: 'added === 0', replace: 'added < 0' }],
    },
    'free pages are looked at without saying that it is a race': {
      kinds: ['race'],
      patches: [
        {
          file: 'kernel/mm/watermark',
          find: 'readOnce(k, zone + FREE_PAGES)',
          replace: 'k.i32[zone + FREE_PAGES]',
        },
      ],
    },
  },
);

function leaveNothing(k: Kernel): void {
  emptyDma32(k);
  noteFreePages(k);
}

const fallback = kernelPart(
  scenario({
    name: 'kernel: one CPU falls back to the zone that another allocates from',
    machine: twoZones(2),
    setup: leaveNothing,
    threads: [
      (k) => {
        const address = takePages(k, GFP_KERNEL, 1, 1);
        givePages(k, address, 1, 1);
      },
      (k) => {
        const address = takePages(k, GFP_DMA, 1, 2);
        givePages(k, address, 1, 2);
      },
    ],
    final: (k) => expectMemory(k),
  }),
  {
    'the lock of the preferred zone is taken instead': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: RMQUEUE,
          find: 'const pfn = __rmqueue(k, zone, order, type);',
          replace:
            'spin_unlock(k, zone + ZONE_LOCK); spin_lock(k, preferred + ZONE_LOCK); ' +
            'const pfn = __rmqueue(k, zone, order, type); ' +
            'spin_unlock(k, preferred + ZONE_LOCK); spin_lock(k, zone + ZONE_LOCK);',
        },
      ],
    },
  },
);

export const ZONE_PARTS: readonly KernelPart[] = [lastPage, fallback];

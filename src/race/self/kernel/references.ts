import { GFP_KERNEL } from '../../../kernel/mm/gfp.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { scenario } from '../../scenario.js';
import { kernelPart, NOT_GUARDED, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { expectMemory, noteFreePages } from './memory-check.js';
import { setHotLists } from './pages.js';
import { scratchLine } from './scratch.js';

/** A page that two CPUs share: who drops the last reference frees it, after all that the other has done with it. */

const REFS = 'kernel/mm/page-refs';
/** The address of the page. */
const SHARED = scratchLine(0);

/** A page with two references, one for each CPU. */
function sharePage(k: Kernel): void {
  setHotLists(k, 6, 2);
  noteFreePages(k);
  const page = k.alloc_page(GFP_KERNEL);
  k.get_page(page);
  k.i32[SHARED] = page;
}

/** Writes into its half of the page, and drops its reference. */
function useAndDrop(k: Kernel): void {
  const page = k.i32[SHARED];
  k.write32(k.page_address(page) + 64 * k.cpu, 1);
  k.__free_page(page);
}

/** Allocates what was freed, and writes where the other has written. */
function useAndDropAndAllocate(k: Kernel): void {
  useAndDrop(k);
  const address = k.__get_free_page(GFP_KERNEL);
  k.memset(address, 0, 128);
  k.free_page(address);
}

const shared = kernelPart(
  scenario({
    name: 'kernel: two CPUs drop their references to a page',
    machine: oneZone(2),
    setup: sharePage,
    threads: [useAndDrop, useAndDropAndAllocate],
    final: (k) => expectMemory(k),
  }),
  {
    'a reference is dropped in two steps': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: REFS,
          find: 'Atomics.compareExchange(i32, page + COUNT, count, after) === count',
          replace: 'Atomics.store(i32, page + COUNT, after) === after',
        },
      ],
    },
    'the last owner frees without waiting for what the other did': {
      kinds: ['race', 'use-after-free'],
      patches: [{ file: REFS, find: 'left | WAS_SHARED', replace: 'left' }],
    },
  },
);

export const REFERENCE_PARTS: readonly KernelPart[] = [shared];

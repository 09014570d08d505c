import { readOnce } from '../core/access-once.js';
import { WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { depotText, saveTrace } from '../core/stack-depot.js';
import { struct, word } from '../../image/struct.js';
import { KERNEL, SYSTEM_BOOTING } from '../core/kernel-data.js';
import { SECTION_PAGES_SHIFT } from '../../arch/page.js';
import type { gfp_t } from './gfp.js';

/**
 * The page owner (debug.pageOwner): for every frame, who allocated the block it belongs to. A free with another order
 * is then reported at once, instead of corrupting memory that gives trouble later.
 *
 * A record belongs to the page's owner while it is allocated. A report on a page that is misused may read that of
 * another owner: a deliberate race.
 */
export const PAGE_OWNER = struct('page_owner', {
  /** Order plus 1 in the first page of a live block; 0 elsewhere. */
  order: word,
  gfp_mask: word,
  cpu: word,
  /** Handle of the call trace. */
  trace: word,
});

/** The record of a frame. */
function recordOf(k: Cpu, pfn: number): number {
  return k.i32[KERNEL.section_owner + (pfn >>> SECTION_PAGES_SHIFT)] + pfn * PAGE_OWNER.words;
}

export function ownerAllocated(k: Cpu, pfn: number, order: number, gfp_mask: gfp_t): void {
  const record = recordOf(k, pfn);
  k.i32[record + PAGE_OWNER.at.order] = order + 1;
  k.i32[record + PAGE_OWNER.at.gfp_mask] = gfp_mask;
  k.i32[record + PAGE_OWNER.at.cpu] = k.cpu;
  k.i32[record + PAGE_OWNER.at.trace] = saveTrace(k, 3);
}

/** Checks a free against the allocation. The free goes on as it would without the check. */
export function ownerFreed(k: Cpu, pfn: number, order: number): void {
  // Boot hands over blocks that nobody has allocated.
  if (readOnce(k, KERNEL.system_state) === SYSTEM_BOOTING) return;
  const record = recordOf(k, pfn);
  const allocated = k.i32[record + PAGE_OWNER.at.order] - 1;
  if (allocated !== order) {
    const was = allocated < 0 ? 'not the start of an allocated block' : `allocated with order ${allocated}`;
    WARN(
      k,
      `page_owner: pfn 0x${pfn.toString(16)} freed with order ${order}, ${was}\n${describeOwner(k, pfn)}`,
    );
  }
  k.i32[record + PAGE_OWNER.at.order] = 0;
}

/** Forgets an allocation that nobody will free: its CPU died. */
export function ownerForget(k: Cpu, pfn: number): void {
  k.i32[recordOf(k, pfn) + PAGE_OWNER.at.order] = 0;
}

/** Who allocated a frame last, for reports; empty without debug.pageOwner. */
export function describeOwner(k: Cpu, pfn: number): string {
  if (k.i32[KERNEL.section_owner + (pfn >>> SECTION_PAGES_SHIFT)] === 0) return '';
  const record = recordOf(k, pfn);
  const mask = (readOnce(k, record + PAGE_OWNER.at.gfp_mask) >>> 0).toString(16);
  const trace = depotText(k, readOnce(k, record + PAGE_OWNER.at.trace));
  return `last allocated on CPU#${readOnce(k, record + PAGE_OWNER.at.cpu)}, mask 0x${mask}, at:\n${trace}`;
}

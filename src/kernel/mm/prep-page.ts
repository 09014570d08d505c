import { PAGE_WORDS } from '../../arch/page.js';
import type { Cpu } from '../core/cpu.js';
import { DEBUG_PAGE_OWNER } from '../core/kernel-data.js';
import { frameWord } from './address.js';
import { ALLOC_BAD_FLAGS, bad_page } from './bad-page.js';
import { prep_compound_page } from './compound.js';
import { __GFP_COMP, __GFP_ZERO, type gfp_t } from './gfp.js';
import { ownerAllocated } from './page-owner.js';
import { isInUse, PAGE, PG_reserved, PG_ZONE_SHIFT, pageOf } from './page.js';

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const FLAGS = PAGE.at.flags;
const COUNT = PAGE.at._count;
const PRIVATE = PAGE.at.private;
const ALLOC_BAD = ALLOC_BAD_FLAGS;
const RESERVED_BIT = 1 << PG_reserved;
const ZONE_BITS = -1 << PG_ZONE_SHIFT;
const ZERO_OR_COMP = __GFP_ZERO | __GFP_COMP;
const OWNER_BIT = DEBUG_PAGE_OWNER;

/**
 * Makes a block ready for its new owner. The reference comes last: until then the block counts as in transit, and is
 * taken back if the thread dies.
 *
 * @returns false when the page must not be used (it is reserved): the caller drops it and tries again
 */
export function prep_new_page(k: Cpu, pfn: number, order: number, gfp_mask: gfp_t): boolean {
  const { i32 } = k;
  const page = pageOf(i32, pfn);
  const flags = i32[page + FLAGS];
  if ((flags & ALLOC_BAD) !== 0 || isInUse(i32, page)) {
    bad_page(k, pfn);
    if ((flags & RESERVED_BIT) !== 0) return false;
  }
  i32[page + FLAGS] &= ZONE_BITS;
  i32[page + PRIVATE] = 0;
  if ((gfp_mask & ZERO_OR_COMP) !== 0) prepBlock(k, pfn, order, gfp_mask);
  if ((k.debug & OWNER_BIT) !== 0) ownerAllocated(k, pfn, order, gfp_mask);
  i32[page + COUNT] = 1;
  return true;
}

function prepBlock(k: Cpu, pfn: number, order: number, gfp_mask: gfp_t): void {
  if ((gfp_mask & __GFP_ZERO) !== 0) {
    const start = frameWord(k, pfn);
    k.i32.fill(0, start, start + (PAGE_WORDS << order));
  }
  if (order > 0 && (gfp_mask & __GFP_COMP) !== 0) prep_compound_page(k, pfn, order);
}

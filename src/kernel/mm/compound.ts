import type { Cpu } from '../core/cpu.js';
import { bad_page } from './bad-page.js';
import { LIST_HEAD } from '../core/list.js';
import { compound_order, PAGE, PG_compound, PG_TAIL_BITS, PageTail, pageOf } from './page.js';

/**
 * Compound pages (facts file, section 1.6): with `__GFP_COMP` the pages of a block know their head, and the first
 * tail knows the order. 2.6.24 keeps the destructor beside it; the only one needed here is the free itself.
 */
const ORDER = PAGE.at.lru + LIST_HEAD.at.prev;

/** Ties the 2^order pages of a fresh block together. Its owner calls it before anyone else sees the block. */
export function prep_compound_page(k: Cpu, pfn: number, order: number): void {
  const { i32 } = k;
  const head = pageOf(i32, pfn);
  i32[head + PAGE.at.flags] |= 1 << PG_compound;
  i32[head + PAGE.words + ORDER] = order;
  for (let i = 1; i < 1 << order; i++) {
    const tail = head + i * PAGE.words;
    i32[tail + PAGE.at.flags] |= PG_TAIL_BITS;
    i32[tail + PAGE.at.private] = pfn;
  }
}

/**
 * Takes a compound block apart before it is freed, reporting pages that do not belong to it. Another order than the
 * block's own is such a case.
 */
export function destroy_compound_page(k: Cpu, pfn: number, order: number): void {
  const { i32 } = k;
  const head = pageOf(i32, pfn);
  if (compound_order(k, pfn) !== order) bad_page(k, pfn);
  i32[head + PAGE.at.flags] &= ~(1 << PG_compound);
  if (order > 0) i32[head + PAGE.words + ORDER] = 0;
  for (let i = 1; i < 1 << order; i++) {
    const tail = head + i * PAGE.words;
    if (!PageTail(i32, tail) || i32[tail + PAGE.at.private] !== pfn) bad_page(k, pfn + i);
    i32[tail + PAGE.at.flags] &= ~PG_TAIL_BITS;
    i32[tail + PAGE.at.private] = 0;
  }
}

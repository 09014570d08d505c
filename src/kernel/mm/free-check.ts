import { SECTION_PAGES } from '../../arch/page.js';
import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import type { Cpu } from '../core/cpu.js';
import { ALLOC_BAD_FLAGS, bad_page, FREE_BAD_FLAGS } from './bad-page.js';
import { isInUse, PAGE, pageOf, PG_dirty, PG_reserved } from './page.js';

/** What is checked of every page that is freed (facts file, section 1.13). */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const FLAGS = PAGE.at.flags;
const FREE_BAD = FREE_BAD_FLAGS;
/** What a page must not have that needs neither a report nor cleaning. */
const NOT_PLAIN = ALLOC_BAD_FLAGS;
const DIRTY_BIT = 1 << PG_dirty;
const RESERVED_BIT = 1 << PG_reserved;
const PAIR_INDEX = WORD_INDEX_MASK >>> 1;
const IN_SECTION = SECTION_PAGES - 1;

/** Pages that are compared in one step, and their order. */
const GROUP = 8;
const GROUP_ORDER = 3;

/** Reports a page that cannot be free, and cleans it; whether it is reserved and must not be freed. */
export function free_pages_check(k: Cpu, pfn: number): boolean {
  const { i32 } = k;
  const page = pageOf(i32, pfn);
  const flags = i32[page + FLAGS];
  if ((flags & FREE_BAD) !== 0 || isInUse(i32, page)) bad_page(k, pfn);
  if ((flags & DIRTY_BIT) !== 0) i32[page + FLAGS] &= ~DIRTY_BIT;
  return (flags & RESERVED_BIT) !== 0;
}

/**
 * {@link free_pages_check} of all pages of a block.
 *
 * The pages of a block, or all but the first of a compound one, are alike unless something is wrong. So where the
 * last page is as it should be, the others are only compared with it.
 *
 * @returns how many are reserved
 */
export function checkFreedBlock(k: Cpu, pfn: number, order: number): number {
  const { i32 } = k;
  const last = pfn + (1 << order) - 1;
  const model = pageOf(i32, last);
  // Struct pages lie in a row within a section; only a block that is no block, freed by mistake, can leave it.
  const isRow = (pfn & IN_SECTION) <= (last & IN_SECTION);
  const isPlain = (i32[model + FLAGS] & NOT_PLAIN) === 0 && !isInUse(i32, model);
  if (order >= GROUP_ORDER && isRow && isPlain) return compareWithLast(k, pfn, order, model);
  return checkEach(k, pfn, 1 << order);
}

function checkEach(k: Cpu, pfn: number, pages: number): number {
  let reserved = 0;
  for (let i = 0; i < pages; i++) reserved += free_pages_check(k, pfn + i) ? 1 : 0;
  return reserved;
}

/** Checks one by one only the groups that have a page that differs from the block's last one, `model`. */
function compareWithLast(k: Cpu, pfn: number, order: number, model: number): number {
  const { i64 } = k;
  const first = pageOf(k.i32, pfn) >>> 1;
  // The first four words of a page are all that the check looks at: two pairs, and pages are four pairs apart.
  const state = i64[model >>> 1];
  const use = i64[(model >>> 1) + 1];
  let reserved = 0;
  for (let i = 0; i < 1 << order; i += GROUP) {
    const at = (first + (i << 2)) & PAIR_INDEX;
    if (
      i64[at] !== state ||
      i64[at + 1] !== use ||
      i64[at + 4] !== state ||
      i64[at + 5] !== use ||
      i64[at + 8] !== state ||
      i64[at + 9] !== use ||
      i64[at + 12] !== state ||
      i64[at + 13] !== use ||
      i64[at + 16] !== state ||
      i64[at + 17] !== use ||
      i64[at + 20] !== state ||
      i64[at + 21] !== use ||
      i64[at + 24] !== state ||
      i64[at + 25] !== use ||
      i64[at + 28] !== state ||
      i64[at + 29] !== use
    ) {
      reserved += checkEach(k, pfn + i, GROUP);
    }
  }
  return reserved;
}

import { formatAddress } from '../../arch/address-space.js';
import { currentComm, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import {
  PAGE,
  PG_active,
  PG_buddy,
  PG_dirty,
  PG_locked,
  PG_lru,
  PG_private,
  PG_reclaim,
  PG_reserved,
  PG_slab,
  PG_swapcache,
  PG_writeback,
  pageOf,
  references,
} from './page.js';

/** Flags that a page must not have when it is freed (facts file, section 1.13). */
export const FREE_BAD_FLAGS =
  (1 << PG_lru) |
  (1 << PG_private) |
  (1 << PG_locked) |
  (1 << PG_active) |
  (1 << PG_slab) |
  (1 << PG_swapcache) |
  (1 << PG_writeback) |
  (1 << PG_reserved) |
  (1 << PG_buddy);

/** Flags that a page must not have when it is handed out. */
export const ALLOC_BAD_FLAGS = FREE_BAD_FLAGS | (1 << PG_dirty);

/** Flags that bad_page() clears. */
const CLEARED =
  (1 << PG_lru) |
  (1 << PG_private) |
  (1 << PG_locked) |
  (1 << PG_active) |
  (1 << PG_dirty) |
  (1 << PG_reclaim) |
  (1 << PG_slab) |
  (1 << PG_swapcache) |
  (1 << PG_writeback) |
  (1 << PG_buddy);

/**
 * Reports a page whose state is impossible, and repairs the state, as kernels up to 2.6.28 do: the page is then used
 * as if nothing had been, so what follows is on the one who corrupted it.
 */
export function bad_page(k: Cpu, pfn: number): void {
  const { i32 } = k;
  const page = pageOf(i32, pfn);
  const flags = (i32[page + PAGE.at.flags] >>> 0).toString(16).padStart(k.space.bits / 4, '0');
  WARN(
    k,
    `Bad page state in process '${currentComm(k)}'\n` +
      `page:${formatAddress(k.space, page * 4)} flags:0x${flags} ` +
      `mapping:${formatAddress(k.space, i32[page + PAGE.at.mapping])} ` +
      `mapcount:${i32[page + PAGE.at._mapcount] + 1} count:${references(i32[page + PAGE.at._count])} pfn:${pfn.toString(16)}\n` +
      'Trying to fix it up, but a reboot is needed\n' +
      'Backtrace:',
  );
  i32[page + PAGE.at.flags] &= ~CLEARED;
  i32[page + PAGE.at._count] = 0;
  i32[page + PAGE.at._mapcount] = -1;
  i32[page + PAGE.at.mapping] = 0;
}

import { readOnce } from '../core/access-once.js';
import { BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { DEBUG_VM } from '../core/kernel-data.js';
import { compound_head, COUNT_WAS_SHARED, PAGE, pageOf, references } from './page.js';

/** References to pages: the last one to go frees the page. */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const COUNT = PAGE.at._count;
const WAS_SHARED = COUNT_WAS_SHARED;
const VM_BIT = DEBUG_VM;

/**
 * Drops a reference unless it is the last one; whether it did. Any context.
 *
 * A page with one reference belongs to the caller alone: nobody else can raise the count, so the caller may set it to 0
 * by a plain store. Where others had references before, the Atomics in {@link dropShared} put all that they did before
 * this. So a page is never in transit on one CPU while another one frees it.
 *
 * @param page word index of the first struct page of a block
 */
export function putUnlessLast(k: Cpu, page: number): boolean {
  return readOnce(k, page + COUNT) !== 1 && dropShared(k, page);
}

function dropShared(k: Cpu, page: number): boolean {
  const { i32 } = k;
  for (;;) {
    const count = Atomics.load(i32, page + COUNT);
    const left = references(count) - 1;
    if (left === 0) return false;
    if ((k.debug & VM_BIT) !== 0) BUG_ON(k, left < 0, 'put_page_testzero: page has no reference');
    const after = left > 0 ? left | WAS_SHARED : left;
    if (Atomics.compareExchange(i32, page + COUNT, count, after) === count) return true;
  }
}

/** Takes another reference to a page that the caller has one of. Any context. */
export function get_page(k: Cpu, pfn: number): void {
  const page = pageOf(k.i32, compound_head(k, pfn));
  if ((k.debug & VM_BIT) !== 0) BUG_ON(k, readOnce(k, page + COUNT) === 0, 'get_page: page has no reference');
  Atomics.add(k.i32, page + COUNT, 1);
}

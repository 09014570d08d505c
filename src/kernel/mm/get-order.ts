import { PAGE_SIZE } from '../../arch/page.js';

/**
 * The smallest order whose block holds `size` bytes. A size of 0 makes no sense: it underflows to a huge order, as in
 * the kernel.
 */
export function get_order(size: number): number {
  if (size === 0) return 52;
  let order = 0;
  while (PAGE_SIZE * 2 ** order < size) order++;
  return order;
}

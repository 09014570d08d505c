import { BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { page_address } from './address.js';
import { __GFP_HIGHMEM, __GFP_ZERO, GFP_DMA, type gfp_t } from './gfp.js';
import { alloc_pages_current, node_zonelist } from './mempolicy.js';
import { __alloc_pages } from './page-alloc.js';

/**
 * The ways to ask for pages (facts file, section 1.4). All take an allocation mask, all may sleep exactly when the
 * mask has `__GFP_WAIT`, and all return 0 (NULL) when there is no memory that the mask permits, or when the order is
 * MAX_ORDER or more.
 */

/**
 * 2^order contiguous pages, preferably from a node; only `__GFP_THISNODE` makes that a must.
 *
 * @param nid node; below 0: this CPU's
 * @returns first frame
 */
export function alloc_pages_node(k: Cpu, nid: number, gfp_mask: gfp_t, order: number): number {
  const node = nid < 0 ? k.node : nid;
  BUG_ON(
    k,
    !(Number.isInteger(node) && node < k.i32[KERNEL.nr_nodes]),
    `alloc_pages_node: there is no node ${nid}`,
  );
  return __alloc_pages(k, gfp_mask, order, node_zonelist(k, node, gfp_mask));
}

/** {@link alloc_pages_node} by its later name: the node must be given. */
export function __alloc_pages_node(k: Cpu, nid: number, gfp_mask: gfp_t, order: number): number {
  BUG_ON(k, nid < 0, `__alloc_pages_node: there is no node ${nid}`);
  return alloc_pages_node(k, nid, gfp_mask, order);
}

/** 2^order contiguous pages by the running task's memory policy; the first frame. */
export { alloc_pages_current as alloc_pages } from './mempolicy.js';

/** A single page; its frame. */
export function alloc_page(k: Cpu, gfp_mask: gfp_t): number {
  return alloc_pages_current(k, gfp_mask, 0);
}

/**
 * 2^order contiguous pages, not cleared; the kernel address of the first byte.
 *
 * @throws KernelBug with `__GFP_HIGHMEM`: such memory may have no address
 */
export function __get_free_pages(k: Cpu, gfp_mask: gfp_t, order: number): number {
  BUG_ON(
    k,
    (gfp_mask & __GFP_HIGHMEM) !== 0,
    '__get_free_pages with __GFP_HIGHMEM: high memory has no address',
  );
  const pfn = alloc_pages_current(k, gfp_mask, order);
  return pfn === 0 ? 0 : page_address(k, pfn);
}

/** A single page, not cleared; its address. */
export function __get_free_page(k: Cpu, gfp_mask: gfp_t): number {
  return __get_free_pages(k, gfp_mask, 0);
}

/** A single page of zeros; its address. */
export function get_zeroed_page(k: Cpu, gfp_mask: gfp_t): number {
  return __get_free_pages(k, gfp_mask | __GFP_ZERO, 0);
}

/** 2^order contiguous pages that an ISA device can reach; the address of the first byte. */
export function __get_dma_pages(k: Cpu, gfp_mask: gfp_t, order: number): number {
  return __get_free_pages(k, gfp_mask | GFP_DMA, order);
}

import { CPU_AREA } from '../core/cpu-area.js';
import * as api from '../mm/alloc-api.js';
import { cpuset_set_mems } from '../mm/cpuset.js';
import { get_order } from '../mm/get-order.js';
import type { gfp_t } from '../mm/gfp.js';
import * as mempolicy from '../mm/mempolicy.js';
import { __alloc_pages } from '../mm/page-alloc.js';
import * as free from '../mm/page-free.js';
import { get_page } from '../mm/page-refs.js';
import * as page from '../mm/page.js';
import { IrqFace } from './irq-face.js';

/** The page allocator: `pfn` is a page frame number, which is what `struct page *` is here; 0 is NULL. */
export abstract class PageFace extends IrqFace {
  alloc_pages_node(nid: number, gfp_mask: gfp_t, order: number): number {
    return api.alloc_pages_node(this, nid, gfp_mask, order);
  }

  __alloc_pages_node(nid: number, gfp_mask: gfp_t, order: number): number {
    return api.__alloc_pages_node(this, nid, gfp_mask, order);
  }

  __alloc_pages(gfp_mask: gfp_t, order: number, zonelist: number): number {
    return __alloc_pages(this, gfp_mask, order, zonelist);
  }

  node_zonelist(nid: number, gfp_mask: gfp_t): number {
    return mempolicy.node_zonelist(this, nid, gfp_mask);
  }

  alloc_pages(gfp_mask: gfp_t, order: number): number {
    return api.alloc_pages(this, gfp_mask, order);
  }

  alloc_pages_current(gfp_mask: gfp_t, order: number): number {
    return mempolicy.alloc_pages_current(this, gfp_mask, order);
  }

  alloc_page(gfp_mask: gfp_t): number {
    return api.alloc_page(this, gfp_mask);
  }

  __get_free_pages(gfp_mask: gfp_t, order: number): number {
    return api.__get_free_pages(this, gfp_mask, order);
  }

  __get_free_page(gfp_mask: gfp_t): number {
    return api.__get_free_page(this, gfp_mask);
  }

  /** The books' short name of {@link __get_free_page}. */
  get_free_page(gfp_mask: gfp_t): number {
    return api.__get_free_page(this, gfp_mask);
  }

  get_zeroed_page(gfp_mask: gfp_t): number {
    return api.get_zeroed_page(this, gfp_mask);
  }

  __get_dma_pages(gfp_mask: gfp_t, order: number): number {
    return api.__get_dma_pages(this, gfp_mask, order);
  }

  __free_pages(pfn: number, order: number): void {
    free.__free_pages(this, pfn, order);
  }

  __free_page(pfn: number): void {
    free.__free_page(this, pfn);
  }

  free_pages(addr: number, order: number): void {
    free.free_pages(this, addr, order);
  }

  free_page(addr: number): void {
    free.free_page(this, addr);
  }

  free_hot_page(pfn: number): void {
    free.free_hot_page(this, pfn);
  }

  free_cold_page(pfn: number): void {
    free.free_cold_page(this, pfn);
  }

  get_page(pfn: number): void {
    get_page(this, pfn);
  }

  put_page(pfn: number): void {
    free.put_page(this, pfn);
  }

  get_order(size: number): number {
    return get_order(size);
  }

  page_count(pfn: number): number {
    return page.page_count(this, pfn);
  }

  compound_head(pfn: number): number {
    return page.compound_head(this, pfn);
  }

  compound_order(pfn: number): number {
    return page.compound_order(this, pfn);
  }

  page_to_nid(pfn: number): number {
    return page.page_to_nid(this, pfn);
  }

  page_zonenum(pfn: number): number {
    return page.page_zonenum(this, pfn);
  }

  set_mempolicy(mode: number, nodes: readonly number[] = []): number {
    return mempolicy.set_mempolicy(this, mode, nodes);
  }

  cpuset_set_mems(mems: readonly number[], exclusive?: readonly number[]): void {
    cpuset_set_mems(this, mems, exclusive);
  }

  /** Sets flags (`PF_*`) of the running task; returns the flags before, for {@link restoreTaskFlags}. */
  setTaskFlags(flags: number): number {
    const before = this.i32[this.area + CPU_AREA.at.task_flags];
    this.i32[this.area + CPU_AREA.at.task_flags] = before | flags;
    return before;
  }

  restoreTaskFlags(flags: number): void {
    this.i32[this.area + CPU_AREA.at.task_flags] = flags;
  }
}

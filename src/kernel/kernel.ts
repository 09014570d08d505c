import { addressSpace, type AddressSpace } from '../arch/address-space.js';
import type { MemoryImage } from '../image/memory-image.js';
import { BUG } from './core/bug.js';
import type { Cpu } from './core/cpu.js';
import { CPU_AREA } from './core/cpu-area.js';
import * as irqflags from './core/irqflags.js';
import { KERNEL } from './core/kernel-data.js';
import type { Platform } from './core/platform.js';
import * as preempt from './core/preempt.js';
import { printk } from './core/printk.js';
import { FIRST_MODULE_SYMBOL, SYM_DRAIN_LOCAL_PAGES, SYM_REFRESH_CPU_VM_STATS } from './core/symbols.js';
import { do_IRQ } from './cpu/interrupt.js';
import { module_symbol, moduleSymbolText } from './cpu/module-symbols.js';
import * as smp from './cpu/smp-call.js';
import { nameOf } from './debug/name-of.js';
import { readFirmware } from './firmware.js';
import { readFile } from './fs/read-file.js';
import { writeFile } from './fs/write-file.js';
import * as access from './mm/access.js';
import * as address from './mm/address.js';
import * as api from './mm/alloc-api.js';
import * as bootmem from './mm/bootmem.js';
import { cpuset_set_mems } from './mm/cpuset.js';
import type { gfp_t } from './mm/gfp.js';
import * as mempolicy from './mm/mempolicy.js';
import * as pages from './mm/page-alloc.js';
import * as page from './mm/page.js';
import { drain_local_pages } from './mm/page-sets.js';
import { refresh_cpu_vm_stats } from './mm/vmstat-refresh.js';
import * as spinlock from './sync/spinlock.js';

/**
 * The kernel as one CPU sees it: the Linux API under Linux's names, bound to that CPU. What a method does, whether it
 * may sleep and how it fails is documented at the function that it calls.
 *
 * One instance per thread and CPU. It holds only views and constants; all state is in the image.
 */
export class Kernel implements Cpu {
  readonly image: MemoryImage;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly u16: Uint16Array;
  readonly u8: Uint8Array;
  readonly f64: Float64Array;
  readonly platform: Platform;
  readonly space: AddressSpace;
  readonly debug: number;
  readonly cpu: number;
  readonly node: number;
  area: number;
  private readonly others: Kernel[] = [];

  /**
   * @param image a machine's memory
   * @param cpu number of the CPU; the number of CPUs stands for the console, which is no CPU but may take locks
   * @param platform the calling thread's
   * @param space the architecture's address space; by default read from the firmware tables
   */
  constructor(
    image: MemoryImage,
    cpu: number,
    platform: Platform,
    space: AddressSpace = addressSpace(readFirmware(image).arch),
  ) {
    this.image = image;
    this.i32 = image.i32;
    this.u32 = image.u32;
    this.u16 = image.u16;
    this.u8 = image.u8;
    this.f64 = image.f64;
    this.platform = platform;
    this.space = space;
    this.debug = image.i32[KERNEL.debug];
    this.cpu = cpu;
    this.node = image.i32[KERNEL.cpu_node + cpu];
    this.area = image.i32[KERNEL.cpu_area + cpu];
  }

  // The CPU

  smp_processor_id(): number {
    return this.cpu;
  }

  numa_node_id(): number {
    return this.node;
  }

  /** Moves the boot CPU from its static area into its own. Boot only. */
  moveBootArea(area: number): void {
    this.i32.copyWithin(area, this.area, this.area + CPU_AREA.words);
    this.area = area;
  }

  as(cpu: number): Kernel {
    if (cpu === this.cpu) return this;
    return (this.others[cpu] ??= new Kernel(this.image, cpu, this.platform, this.space));
  }

  nameOf(index: number): string {
    return nameOf(this, index);
  }

  do_IRQ(): void {
    do_IRQ(this);
  }

  call(symbol: number, info: number): void {
    if (symbol >= FIRST_MODULE_SYMBOL) {
      const { name, url } = moduleSymbolText(this, symbol);
      this.platform.load(url, name)(this, info);
    } else if (symbol === SYM_DRAIN_LOCAL_PAGES) {
      drain_local_pages(this);
    } else if (symbol === SYM_REFRESH_CPU_VM_STATS) {
      refresh_cpu_vm_stats(this);
    } else {
      BUG(this, `no function has symbol ${symbol}`);
    }
  }

  poll(): void {
    irqflags.poll(this);
  }

  cpu_relax(word: number): void {
    this.platform.relax(word);
    irqflags.poll(this);
  }

  preempt_count(): number {
    return preempt.preempt_count(this);
  }

  preempt_disable(): void {
    preempt.preempt_disable(this);
  }

  preempt_enable(): void {
    preempt.preempt_enable(this);
  }

  in_irq(): boolean {
    return preempt.in_irq(this);
  }

  in_softirq(): boolean {
    return preempt.in_softirq(this);
  }

  in_interrupt(): boolean {
    return preempt.in_interrupt(this);
  }

  in_atomic(): boolean {
    return preempt.in_atomic(this);
  }

  local_bh_disable(): void {
    preempt.local_bh_disable(this);
  }

  local_bh_enable(): void {
    preempt.local_bh_enable(this);
  }

  irqs_disabled(): boolean {
    return irqflags.irqs_disabled(this);
  }

  local_irq_disable(): void {
    irqflags.local_irq_disable(this);
  }

  local_irq_enable(): void {
    irqflags.local_irq_enable(this);
  }

  local_irq_save(): number {
    return irqflags.local_irq_save(this);
  }

  local_irq_restore(flags: number): void {
    irqflags.local_irq_restore(this, flags);
  }

  smp_call_function(symbol: number, info: number, wait: boolean): void {
    smp.smp_call_function(this, symbol, info, wait);
  }

  on_each_cpu(symbol: number, info: number, wait: boolean): void {
    smp.on_each_cpu(this, symbol, info, wait);
  }

  module_symbol(url: string, name: string): number {
    return module_symbol(this, url, name);
  }

  printk(text: string): void {
    printk(this, text);
  }

  drain_local_pages(): void {
    drain_local_pages(this);
  }

  drain_all_pages(): void {
    smp.on_each_cpu(this, SYM_DRAIN_LOCAL_PAGES, 0, true);
  }

  // Locks: word indices in the image, for example from alloc_bootmem or a page

  spin_lock_init(lock: number, lockClass = 0): void {
    spinlock.spin_lock_init(this, lock, lockClass);
  }

  spin_lock(lock: number): void {
    spinlock.spin_lock(this, lock);
  }

  spin_trylock(lock: number): boolean {
    return spinlock.spin_trylock(this, lock);
  }

  spin_unlock(lock: number): void {
    spinlock.spin_unlock(this, lock);
  }

  spin_lock_irqsave(lock: number): number {
    return spinlock.spin_lock_irqsave(this, lock);
  }

  spin_unlock_irqrestore(lock: number, flags: number): void {
    spinlock.spin_unlock_irqrestore(this, lock, flags);
  }

  spin_lock_irq(lock: number): void {
    spinlock.spin_lock_irq(this, lock);
  }

  spin_unlock_irq(lock: number): void {
    spinlock.spin_unlock_irq(this, lock);
  }

  spin_lock_bh(lock: number): void {
    spinlock.spin_lock_bh(this, lock);
  }

  spin_unlock_bh(lock: number): void {
    spinlock.spin_unlock_bh(this, lock);
  }

  spin_is_locked(lock: number): boolean {
    return spinlock.spin_is_locked(this, lock);
  }

  // Pages

  alloc_pages_node(nid: number, gfp_mask: gfp_t, order: number): number {
    return api.alloc_pages_node(this, nid, gfp_mask, order);
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

  get_zeroed_page(gfp_mask: gfp_t): number {
    return api.get_zeroed_page(this, gfp_mask);
  }

  __get_dma_pages(gfp_mask: gfp_t, order: number): number {
    return api.__get_dma_pages(this, gfp_mask, order);
  }

  __free_pages(pfn: number, order: number): void {
    pages.__free_pages(this, pfn, order);
  }

  __free_page(pfn: number): void {
    pages.__free_page(this, pfn);
  }

  free_pages(addr: number, order: number): void {
    pages.free_pages(this, addr, order);
  }

  free_page(addr: number): void {
    pages.free_page(this, addr);
  }

  free_hot_page(pfn: number): void {
    pages.free_hot_page(this, pfn);
  }

  free_cold_page(pfn: number): void {
    pages.free_cold_page(this, pfn);
  }

  get_page(pfn: number): void {
    pages.get_page(this, pfn);
  }

  put_page(pfn: number): void {
    pages.put_page(this, pfn);
  }

  get_order(size: number): number {
    return pages.get_order(size);
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

  // Addresses and memory

  page_address(pfn: number): number {
    return address.page_address(this, pfn);
  }

  virt_to_page(addr: number): number {
    return address.virt_to_page(this, addr);
  }

  virt_addr_valid(addr: number): boolean {
    return address.virt_addr_valid(this, addr);
  }

  __pa(addr: number): number {
    return address.__pa(this, addr);
  }

  __va(physical: number): number {
    return address.__va(this, physical);
  }

  /** `struct page *` is the frame number itself. */
  page_to_pfn(pfn: number): number {
    return pfn;
  }

  /** `struct page *` is the frame number itself. */
  pfn_to_page(pfn: number): number {
    return pfn;
  }

  read8(addr: number): number {
    return access.read8(this, addr);
  }

  read16(addr: number): number {
    return access.read16(this, addr);
  }

  read32(addr: number): number {
    return access.read32(this, addr);
  }

  read64(addr: number): bigint {
    return access.read64(this, addr);
  }

  write8(addr: number, value: number): void {
    access.write8(this, addr, value);
  }

  write16(addr: number, value: number): void {
    access.write16(this, addr, value);
  }

  write32(addr: number, value: number): void {
    access.write32(this, addr, value);
  }

  write64(addr: number, value: bigint): void {
    access.write64(this, addr, value);
  }

  memset(addr: number, value: number, length: number): number {
    return access.memset(this, addr, value, length);
  }

  memcpy(to: number, from: number, length: number): number {
    return access.memcpy(this, to, from, length);
  }

  bytes(addr: number, length: number): Uint8Array {
    return access.bytesAt(this, addr, length);
  }

  // Boot memory: init code only

  alloc_bootmem(size: number): number {
    return bootmem.alloc_bootmem(this, size);
  }

  alloc_bootmem_low(size: number): number {
    return bootmem.alloc_bootmem_low(this, size);
  }

  alloc_bootmem_pages(size: number): number {
    return bootmem.alloc_bootmem_pages(this, size);
  }

  alloc_bootmem_low_pages(size: number): number {
    return bootmem.alloc_bootmem_low_pages(this, size);
  }

  alloc_bootmem_node(nid: number, size: number): number {
    return bootmem.alloc_bootmem_node(this, nid, size);
  }

  alloc_bootmem_pages_node(nid: number, size: number): number {
    return bootmem.alloc_bootmem_pages_node(this, nid, size);
  }

  alloc_bootmem_low_pages_node(nid: number, size: number): number {
    return bootmem.alloc_bootmem_low_pages_node(this, nid, size);
  }

  free_bootmem(physical: number, size: number): void {
    bootmem.free_bootmem(this, physical, size);
  }

  // Files

  /** The text of a file of /proc or /sys. */
  cat(path: string): string {
    return readFile(this, path);
  }

  /** Writes a file of /proc/sys. All other CPUs are stopped. */
  writeFile(path: string, text: string): void {
    writeFile(this, path, text);
  }
}

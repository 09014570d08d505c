import type { AddressSpace } from '../../arch/address-space.js';
import type { MemoryImage } from '../../image/memory-image.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { cpu_online, num_online_cpus } from '../core/cpu-mask.js';
import * as irqflags from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import type { Platform } from '../core/platform.js';
import * as preempt from '../core/preempt.js';
import { printk } from '../core/printk.js';
import { SYM_DRAIN_LOCAL_PAGES } from '../core/symbols.js';
import { do_IRQ } from '../cpu/interrupt.js';
import { module_symbol } from '../cpu/module-symbols.js';
import * as smp from '../cpu/smp-call.js';
import { do_softirq } from '../cpu/softirq.js';
import { nameOf } from '../debug/name-of.js';
import { drain_local_pages } from '../mm/page-sets.js';

/** What a CPU is and does: the first part of the `Kernel`, with the views and constants that all parts use. */
export abstract class CpuFace implements Cpu {
  // `declare`: a field that exists as undefined first is one of any type to V8, and each use of it is checked.
  declare readonly image: MemoryImage;
  declare readonly i32: Int32Array;
  declare readonly u32: Uint32Array;
  declare readonly u16: Uint16Array;
  declare readonly u8: Uint8Array;
  declare readonly f64: Float64Array;
  declare readonly i64: BigInt64Array;
  declare readonly platform: Platform;
  declare readonly space: AddressSpace;
  declare readonly debug: number;
  declare cpu: number;
  declare node: number;
  declare area: number;

  /** See `Kernel`. */
  constructor(image: MemoryImage, cpu: number, platform: Platform, space: AddressSpace) {
    this.image = image;
    this.i32 = image.i32;
    this.u32 = image.u32;
    this.u16 = image.u16;
    this.u8 = image.u8;
    this.f64 = image.f64;
    this.i64 = image.i64;
    this.platform = platform;
    this.space = space;
    this.debug = image.i32[KERNEL.debug];
    this.cpu = cpu;
    this.node = image.i32[KERNEL.cpu_node + cpu];
    this.area = image.i32[KERNEL.cpu_area + cpu];
  }

  abstract as(cpu: number): Cpu;

  become(cpu: number): void {
    // Most tasks come back to where they were; V8 takes a field for constant until it is written.
    if (cpu === this.cpu) return;
    this.cpu = cpu;
    this.node = this.i32[KERNEL.cpu_node + cpu];
    this.area = this.i32[KERNEL.cpu_area + cpu];
  }

  abstract call(symbol: number, info: number, second?: number): number;

  smp_processor_id(): number {
    return this.cpu;
  }

  numa_node_id(): number {
    return this.node;
  }

  /** Moves the boot CPU from its static area into its own. Boot only. */
  moveBootArea(area: number): void {
    this.i32.copyWithin(area, this.area, this.area + CPU_AREA.words);
    // A small integer, whatever the arithmetic of addresses made of it: V8 keeps the field unboxed.
    this.area = area | 0;
  }

  nameOf(index: number): string {
    return nameOf(this, index);
  }

  do_IRQ(): void {
    do_IRQ(this);
  }

  do_softirq(): void {
    do_softirq(this);
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

  smp_call_function(symbol: number, info: number, wait: boolean): number {
    return smp.smp_call_function(this, symbol, info, wait);
  }

  on_each_cpu(symbol: number, info: number, wait: boolean): number {
    return smp.on_each_cpu(this, symbol, info, wait);
  }

  module_symbol(url: string, name: string): number {
    return module_symbol(this, url, name);
  }

  num_online_cpus(): number {
    return num_online_cpus(this);
  }

  cpu_online(cpu: number): boolean {
    return cpu_online(this, cpu);
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
}

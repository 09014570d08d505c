import { addressSpace, type AddressSpace } from '../../src/arch/address-space.js';
import { MemoryImage } from '../../src/image/memory-image.js';
import type { Cpu } from '../../src/kernel/core/cpu.js';
import { CPU_AREA, CPU_ONLINE } from '../../src/kernel/core/cpu-area.js';
import { KERNEL, kernelDataName, KERNEL_END, SYSTEM_RUNNING } from '../../src/kernel/core/kernel-data.js';
import type { Platform } from '../../src/kernel/core/platform.js';
import { DEPOT_BYTES, depotInit } from '../../src/kernel/core/stack-depot.js';

/** The smallest machine that locks need: the kernel's static data, CPU areas, the stack depot, and free words. */

const AREAS = Math.ceil(KERNEL_END / 4 / CPU_AREA.align) * CPU_AREA.align;
const FREE_WORDS = 4096;

/** Word index of the first free word of a lock machine with so many CPUs; it begins a cache line. */
export function firstFreeWord(nrCpus: number): number {
  return AREAS + nrCpus * CPU_AREA.words + DEPOT_BYTES / 4;
}

/** Makes the image of a lock machine: running, CPUs online. */
export function createLockImage(nrCpus: number): MemoryImage {
  const image = MemoryImage.create((firstFreeWord(nrCpus) + FREE_WORDS) * 4);
  const { i32 } = image;
  i32[KERNEL.nr_cpus] = nrCpus;
  i32[KERNEL.system_state] = SYSTEM_RUNNING;
  i32[KERNEL.lock_hold_limit_ms] = 60_000;
  for (let cpu = 0; cpu < nrCpus; cpu++) {
    const area = AREAS + cpu * CPU_AREA.words;
    i32[KERNEL.cpu_area + cpu] = area;
    i32[area + CPU_AREA.at.state] = CPU_ONLINE;
  }
  return image;
}

/** A CPU of a lock machine. */
export class LockCpu implements Cpu {
  readonly image: MemoryImage;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly u16: Uint16Array;
  readonly u8: Uint8Array;
  readonly f64: Float64Array;
  readonly i64: BigInt64Array;
  readonly platform: Platform;
  readonly space: AddressSpace = addressSpace('x86_64');
  readonly debug: number;
  readonly cpu: number;
  readonly node = 0;
  readonly area: number;
  /** What the CPU does for an interrupt, besides taking the pending bits. */
  onInterrupt: (pending: number) => void = () => {};

  constructor(image: MemoryImage, platform: Platform, cpu: number, debug = 0) {
    this.image = image;
    this.i32 = image.i32;
    this.u32 = image.u32;
    this.u16 = image.u16;
    this.u8 = image.u8;
    this.f64 = image.f64;
    this.i64 = image.i64;
    this.platform = platform;
    this.cpu = cpu;
    this.debug = debug;
    this.area = image.i32[KERNEL.cpu_area + cpu];
  }

  do_IRQ(): void {
    const pending = Atomics.exchange(this.i32, this.area + CPU_AREA.at.pending, 0);
    this.i32[this.area + CPU_AREA.at.irqs_disabled] = 1;
    this.onInterrupt(pending);
    this.i32[this.area + CPU_AREA.at.irqs_disabled] = 0;
  }

  do_softirq(): void {}

  call(): number {
    return 0;
  }

  nameOf(index: number): string {
    return kernelDataName(index) ?? `word ${index - firstFreeWord(this.i32[KERNEL.nr_cpus])}`;
  }

  become(): void {
    throw new Error('a lock machine has no tasks');
  }

  as(cpu: number): Cpu {
    return new LockCpu(this.image, this.platform, cpu, this.debug);
  }
}

/** Turns the stack depot on, as boot does with debugging. */
export function useDepot(k: Cpu): void {
  depotInit(k, firstFreeWord(k.i32[KERNEL.nr_cpus]) - DEPOT_BYTES / 4);
}

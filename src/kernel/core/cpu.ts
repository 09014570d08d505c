import type { AddressSpace } from '../../arch/address-space.js';
import type { MemoryImage } from '../../image/memory-image.js';
import type { Platform } from './platform.js';

/**
 * What a kernel function knows: the memory, the host behind it, and which CPU it runs on. Every kernel function
 * takes it as its first argument. There is one implementation, `Kernel` in `src/kernel/kernel.ts`, so that the
 * engine sees one shape; floors below it see only what they may use.
 */
export interface Cpu {
  readonly image: MemoryImage;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly u16: Uint16Array;
  readonly u8: Uint8Array;
  readonly f64: Float64Array;
  /** For comparisons of two words at once; BigInts that live longer are objects. */
  readonly i64: BigInt64Array;
  readonly platform: Platform;
  readonly space: AddressSpace;
  /** The `DEBUG_*` bits, copied from the image at attach: constant, and cheaper to test here. */
  readonly debug: number;

  /** smp_processor_id(). It and the next two change only where the running task can be preempted or sleeps. */
  readonly cpu: number;
  /** numa_node_id(). */
  readonly node: number;
  /** Word index of this CPU's area. */
  readonly area: number;

  /** The calling thread is another CPU now: its task goes on there. */
  become(cpu: number): void;

  /** Serves the pending interrupts of this CPU; interrupts are enabled. */
  do_IRQ(): void;
  /** Runs the softirqs that are pending on this CPU, unless it is in an interrupt or has bottom halves disabled. */
  do_softirq(): void;
  /** Calls the kernel or module function with this symbol number on this CPU; its result, 0 if that is no number. */
  call(symbol: number, info: number, second?: number, third?: number): number;
  /** What lies at a word index of the image, for reports: `node 0, zone Normal, lock`. */
  nameOf(index: number): string;
  /** The kernel as another CPU sees it, for a thread that has taken that CPU's place while it is idle. */
  as(cpu: number): Cpu;
}

import { GFP_KERNEL, type Kernel } from 'gfp';

/** Functions that the machine's tests run on CPUs. */

export function allocatePage(k: Kernel): number {
  return k.alloc_page(GFP_KERNEL);
}

export function allocatePages(k: Kernel, count: number): number[] {
  return Array.from({ length: count }, () => k.alloc_page(GFP_KERNEL));
}

export function freePages(k: Kernel, pages: readonly number[]): void {
  for (const page of pages) k.__free_page(page);
}

export function whoAmI(k: Kernel, args: unknown): { cpu: number; node: number; args: unknown } {
  return { cpu: k.smp_processor_id(), node: k.numa_node_id(), args };
}

export function throwTypeError(): never {
  throw new TypeError('thrown on purpose');
}

export function readNull(k: Kernel): number {
  return k.read32(0);
}

export function returnPromise(): Promise<number> {
  return Promise.resolve(1);
}

export function returnFunction(): () => void {
  return () => undefined;
}

/** Allocates and frees until the word is set; the number of rounds. */
export function churn(k: Kernel, stop: Int32Array): number {
  let rounds = 0;
  const held: number[] = [];
  for (; Atomics.load(stop, 0) === 0; rounds++) {
    held.push(k.alloc_pages(GFP_KERNEL, rounds % 3));
    if (held.length === 64)
      for (let i = 63; i >= 0; i--) k.__free_pages(held.pop() ?? 0, (rounds - 63 + i) % 3);
    Atomics.store(stop, 1, rounds);
  }
  for (let i = held.length - 1; i >= 0; i--) k.__free_pages(held[i] ?? 0, (rounds - held.length + i) % 3);
  return rounds;
}

/** Computes without ever calling the kernel, until the word is set. */
export function neverPoll(_k: Kernel, stop: Int32Array): void {
  Atomics.store(stop, 1, 1);
  while (Atomics.load(stop, 0) === 0);
}

export function pollForEver(k: Kernel): void {
  for (;;) k.poll();
}

/** Takes a lock, says so, and keeps it. */
export function holdLock(k: Kernel, { lock, ready }: { lock: number; ready: Int32Array }): void {
  k.spin_lock(lock);
  Atomics.store(ready, 0, 1);
  Atomics.notify(ready, 0);
  for (;;) k.poll();
}

export function takeLock(k: Kernel, lock: number): void {
  k.spin_lock(lock);
  k.spin_unlock(lock);
}

export function keepLock(k: Kernel, lock: number): void {
  k.spin_lock(lock);
}

export function keepPreemptDisabled(k: Kernel): void {
  k.preempt_disable();
}

/** Dies outside any call: an uncaught exception of the thread itself. */
export function dieLater(): void {
  setTimeout(() => {
    throw new Error('uncaught in the thread');
  }, 1);
}

/** Calls a function on all CPUs, which counts where it ran. */
export function callAll(k: Kernel, address: number): number {
  k.on_each_cpu(k.module_symbol(import.meta.url, 'noteCpu'), address, true);
  return k.smp_processor_id();
}

/** Runs as an interrupt: notes the CPU and its context at 4 bytes per CPU. */
export function noteCpu(k: Kernel, address: number): void {
  k.write32(address + 4 * k.smp_processor_id(), 0x100 + (k.in_irq() ? 1 : 0) + (k.irqs_disabled() ? 2 : 0));
}

export function readWords(k: Kernel, { address, count }: { address: number; count: number }): number[] {
  return Array.from({ length: count }, (_, i) => k.read32(address + 4 * i));
}

export function zeroedPage(k: Kernel): number {
  return k.get_zeroed_page(GFP_KERNEL);
}

/** A boot hook: takes an odd amount of boot memory and says where in the log. */
export function bootHook(k: Kernel): void {
  const address = k.alloc_bootmem(5_000_001);
  k.write8(address, 42);
  k.printk(`boot hook: ${address}`);
}

export function bootmemNow(k: Kernel): number {
  return k.alloc_bootmem(100);
}

/** Drains all CPUs' lists again and again, until the word is set. */
export function drainAll(k: Kernel, stop: Int32Array): void {
  while (Atomics.load(stop, 0) === 0) {
    k.drain_all_pages();
    Atomics.add(stop, 1, 1);
  }
}

export function callThrowing(k: Kernel): void {
  k.on_each_cpu(k.module_symbol(import.meta.url, 'throwTypeError'), 0, true);
}

export function callNothing(k: Kernel): void {
  k.on_each_cpu(NaN, 0, true);
}

export function allocateOrder(k: Kernel, order: number): number {
  return k.alloc_pages(GFP_KERNEL, order);
}

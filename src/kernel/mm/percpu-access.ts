import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_PERCPU_CHUNKS } from '../core/limits.js';
import { preempt_disable, preempt_enable } from '../core/preempt.js';

/**
 * Access to per-CPU variables (facts file, section 7). JavaScript has no lvalues, so a copy of a variable is a word index
 * of the image: `k.i32[k.get_cpu_var(x)]++; k.put_cpu_var(x)`.
 *
 * A CPU uses its own copy with preemption disabled, and then plainly: no other CPU touches it, and this code stays on
 * its CPU. Against an interrupt handler of the same CPU that does not help: that needs `local_irq_save`.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const AREAS = KERNEL.cpu_area;
const CHUNKS = CPU_AREA.at.percpu_chunks;

/** log2 of the words of a chunk: 16 KiB a CPU. */
export const PERCPU_CHUNK_SHIFT = 12;
const SHIFT = PERCPU_CHUNK_SHIFT;
const LIMIT = MAX_PERCPU_CHUNKS << PERCPU_CHUNK_SHIFT;
const IN_CHUNK = (1 << PERCPU_CHUNK_SHIFT) - 1;
const INDEX = WORD_INDEX_MASK;
const disable = preempt_disable;
const enable = preempt_enable;

/** A static per-CPU variable: the words from the beginning of a CPU's area to its copy. The same for all CPUs. */
export type PerCpu = number;

/**
 * A dynamic per-CPU variable, from `alloc_percpu`: bit-inverted and so negative, as the kernel's pointer is, because only
 * `per_cpu_ptr` makes something of it that can be used. 0 is NULL.
 */
export type PerCpuPointer = number;

/** Disables preemption; this CPU's copy. Nothing may sleep before {@link put_cpu_var}. Any context. */
export function get_cpu_var(k: Cpu, variable: PerCpu): number {
  disable(k);
  return __get_cpu_var(k, variable);
}

/** Ends what {@link get_cpu_var} began. */
export function put_cpu_var(k: Cpu, _variable: PerCpu): void {
  enable(k);
}

/** This CPU's copy; the caller has disabled preemption, or does not care which copy it is. Any context. */
export function __get_cpu_var(k: Cpu, variable: PerCpu): number {
  return (k.area & INDEX) + variable;
}

/** A CPU's copy; nothing protects it against that CPU. Any context. */
export function per_cpu(k: Cpu, variable: PerCpu, cpu: number): number {
  return k.i32[AREAS + cpu] + variable;
}

/** Disables preemption; the number of this CPU. Nothing may sleep before {@link put_cpu}. Any context. */
export function get_cpu(k: Cpu): number {
  disable(k);
  return k.cpu;
}

/** Ends what {@link get_cpu} began. */
export function put_cpu(k: Cpu): void {
  enable(k);
}

/**
 * A CPU's copy of a dynamic variable; nothing protects it against that CPU. Any context.
 *
 * @throws KernelBug when `pointer` is none that `alloc_percpu` gave
 */
export function per_cpu_ptr(k: Cpu, pointer: PerCpuPointer, cpu: number): number {
  return copyIn(k, k.i32[AREAS + cpu], pointer);
}

/** {@link get_cpu_var} of a dynamic variable: disables preemption; this CPU's copy. */
export function get_cpu_ptr(k: Cpu, pointer: PerCpuPointer): number {
  disable(k);
  return copyIn(k, k.area, pointer);
}

/** Ends what {@link get_cpu_ptr} began. */
export function put_cpu_ptr(k: Cpu, _pointer: PerCpuPointer): void {
  enable(k);
}

function copyIn(k: Cpu, area: number, pointer: PerCpuPointer): number {
  const offset = ~pointer;
  // Also NULL and numbers that are no pointer at all: as unsigned ones they are too large.
  if (offset >>> 0 >= LIMIT) notDynamic(k, pointer);
  const chunk = k.i32[(area & INDEX) + CHUNKS + (offset >>> SHIFT)] & INDEX;
  if (chunk === 0) notDynamic(k, pointer);
  return chunk + (offset & IN_CHUNK);
}

function notDynamic(k: Cpu, pointer: number): never {
  return BUG(k, `per_cpu_ptr: ${pointer} is no dynamic per-CPU variable of CPU#${k.cpu}`);
}

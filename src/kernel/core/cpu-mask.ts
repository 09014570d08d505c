import type { Cpu } from './cpu.js';
import { CPU_AREA, CPU_ONLINE } from './cpu-area.js';
import { KERNEL } from './kernel-data.js';

/** CPU maps: bits in `KERNEL.cpu_*_map`, changed by Atomics. */

/** Whether a CPU is online: its thread exists, and it may be sent interrupts. Any thread. */
export function cpu_online(k: Cpu, cpu: number): boolean {
  return ((Atomics.load(k.i32, KERNEL.cpu_online_map + (cpu >>> 5)) >>> (cpu & 31)) & 1) !== 0;
}

/** Number of online CPUs. */
export function num_online_cpus(k: Cpu): number {
  let count = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) if (cpu_online(k, cpu)) count++;
  return count;
}

/** Sets or clears a CPU's online bit and its state. The caller owns the CPU, or it is dead. */
export function setCpuState(k: Cpu, cpu: number, state: number): void {
  const bit = 1 << (cpu & 31);
  const map = KERNEL.cpu_online_map + (cpu >>> 5);
  if (state === CPU_ONLINE) Atomics.or(k.i32, map, bit);
  else Atomics.and(k.i32, map, ~bit);
  const word = k.i32[KERNEL.cpu_area + cpu] + CPU_AREA.at.state;
  Atomics.store(k.i32, word, state);
  k.platform.notify(word, Infinity);
}

/** The state of a CPU: CPU_OFFLINE, CPU_ONLINE or CPU_DEAD. Any thread. */
export function cpuState(k: Cpu, cpu: number): number {
  return Atomics.load(k.i32, k.i32[KERNEL.cpu_area + cpu] + CPU_AREA.at.state);
}

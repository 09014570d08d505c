import type { Cpu } from '../../core/cpu.js';
import { cpu_online } from '../../core/cpu-mask.js';
import { KERNEL } from '../../core/kernel-data.js';
import { CPUMASK_WORDS } from '../../core/limits.js';
import { numberList } from '../number-list.js';

/** /sys/devices/system/node/nodeN/cpulist: the node's online CPUs, an empty line for none. */
export function nodeCpulist(k: Cpu, nid: number): string {
  return `${numberList(onlineCpus(k, nid))}\n`;
}

/** /sys/devices/system/node/nodeN/cpumap: the same as a mask of NR_CPUS bits, highest word first. */
export function nodeCpumap(k: Cpu, nid: number): string {
  const words = new Array<number>(CPUMASK_WORDS).fill(0);
  for (const cpu of onlineCpus(k, nid)) words[cpu >>> 5] |= 1 << (cpu & 31);
  const groups: string[] = [];
  for (const word of words) groups.unshift((word >>> 0).toString(16).padStart(8, '0'));
  return `${groups.join(',')}\n`;
}

/** /sys/devices/system/cpu/online. */
export function cpuOnline(k: Cpu): string {
  return `${numberList(onlineCpus(k, -1))}\n`;
}

/** The online CPUs of a node, or of the machine (-1). */
function onlineCpus(k: Cpu, nid: number): number[] {
  const cpus: number[] = [];
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    if (cpu_online(k, cpu) && (nid < 0 || k.i32[KERNEL.cpu_node + cpu] === nid)) cpus.push(cpu);
  }
  return cpus;
}

import type { Cpu } from '../../core/cpu.js';
import { KERNEL } from '../../core/kernel-data.js';
import { numberList } from '../number-list.js';

/** /sys/devices/system/node/online, and `possible`: nodes come and go only with the machine. */
export function nodeOnline(k: Cpu): string {
  const nodes: number[] = [];
  for (let nid = 0; nid < k.i32[KERNEL.nr_nodes]; nid++) nodes.push(nid);
  return `${numberList(nodes)}\n`;
}

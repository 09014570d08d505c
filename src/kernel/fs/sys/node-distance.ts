import type { Cpu } from '../../core/cpu.js';
import { KERNEL } from '../../core/kernel-data.js';
import { node_distance } from '../../mm/zonelist.js';

/** /sys/devices/system/node/nodeN/distance: from the node to every node, itself (10) included. */
export function nodeDistance(k: Cpu, nid: number): string {
  const distances: number[] = [];
  for (let to = 0; to < k.i32[KERNEL.nr_nodes]; to++) distances.push(node_distance(k, nid, to));
  return `${distances.join(' ')}\n`;
}

import type { Cpu } from '../core/cpu.js';
import { ZONE_STAT_NAMES } from '../mm/zone.js';
import { lu } from './format.js';
import { global_page_state, node_page_state } from './page-state.js';

/** Pages of a statistic: of the machine, or of one node. */
export function pagesOf(k: Cpu, stat: (typeof ZONE_STAT_NAMES)[number], nid = -1): number {
  const item = ZONE_STAT_NAMES.indexOf(stat);
  return nid < 0 ? global_page_state(k, item) : node_page_state(k, nid, item);
}

/** A line of the meminfo files: the name in 14 columns, then `%8lu kB`. */
export function meminfoLine(name: string, kB: number): string {
  return `${`${name}:`.padEnd(14)}${lu(kB, 8)} kB\n`;
}

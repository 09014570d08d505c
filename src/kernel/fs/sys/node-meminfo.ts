import type { Cpu } from '../../core/cpu.js';
import { NODE_DATA, PG_DATA } from '../../mm/zone.js';
import { kilobytes } from '../format.js';
import { meminfoLine, pagesOf } from '../meminfo-item.js';
import { hasHighMemory, highMemory } from '../page-state.js';

/**
 * /sys/devices/system/node/nodeN/meminfo with the lines of 2.6.24, which begin with an empty one. Its total is all
 * memory of the node, what the kernel reserved at boot included. Active and Inactive are numbers of pages labelled kB:
 * so 2.6.24 has them. Statistics are read while CPUs count: a deliberate race.
 */
export function nodeMeminfo(k: Cpu, nid: number): string {
  const total = k.i32[NODE_DATA(k, nid) + PG_DATA.at.node_present_pages];
  const free = pagesOf(k, 'nr_free_pages', nid);
  const slab = pagesOf(k, 'nr_slab_reclaimable', nid) + pagesOf(k, 'nr_slab_unreclaimable', nid);
  return (
    '\n' +
    pages(nid, 'MemTotal', total) +
    pages(nid, 'MemFree', free) +
    pages(nid, 'MemUsed', total - free) +
    line(nid, 'Active', pagesOf(k, 'nr_active', nid)) +
    line(nid, 'Inactive', pagesOf(k, 'nr_inactive', nid)) +
    (hasHighMemory(k) ? highAndLow(k, nid, total, free) : '') +
    pages(nid, 'Dirty', pagesOf(k, 'nr_dirty', nid)) +
    pages(nid, 'Writeback', pagesOf(k, 'nr_writeback', nid)) +
    pages(nid, 'FilePages', pagesOf(k, 'nr_file_pages', nid)) +
    pages(nid, 'Mapped', pagesOf(k, 'nr_mapped', nid)) +
    pages(nid, 'AnonPages', pagesOf(k, 'nr_anon_pages', nid)) +
    pages(nid, 'PageTables', pagesOf(k, 'nr_page_table_pages', nid)) +
    pages(nid, 'NFS_Unstable', pagesOf(k, 'nr_unstable', nid)) +
    pages(nid, 'Bounce', pagesOf(k, 'nr_bounce', nid)) +
    pages(nid, 'Slab', slab) +
    pages(nid, 'SReclaimable', pagesOf(k, 'nr_slab_reclaimable', nid)) +
    pages(nid, 'SUnreclaim', pagesOf(k, 'nr_slab_unreclaimable', nid))
  );
}

function line(nid: number, name: string, value: number): string {
  return `Node ${nid} ${meminfoLine(name, value)}`;
}

function pages(nid: number, name: string, count: number): string {
  return line(nid, name, kilobytes(count));
}

function highAndLow(k: Cpu, nid: number, total: number, free: number): string {
  const high = highMemory(k, nid);
  return (
    pages(nid, 'HighTotal', high.total) +
    pages(nid, 'HighFree', high.free) +
    pages(nid, 'LowTotal', total - high.total) +
    pages(nid, 'LowFree', Math.max(0, free - high.free))
  );
}

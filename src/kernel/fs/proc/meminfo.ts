import type { Cpu } from '../../core/cpu.js';
import { KERNEL } from '../../core/kernel-data.js';
import { kilobytes } from '../format.js';
import { meminfoLine, pagesOf } from '../meminfo-item.js';
import { hasHighMemory, highMemory } from '../page-state.js';

/** Part of memory that may be promised beyond swap space (vm.overcommit_ratio), in percent. */
const OVERCOMMIT_RATIO = 50;

/**
 * /proc/meminfo with the lines of 2.6.24. There is no swap, no page cache and no vmalloc area yet: their lines say 0,
 * and the largest hole for vmalloc is all of its range. Statistics are read while CPUs count: a deliberate race.
 */
export function meminfo(k: Cpu): string {
  const total = k.i32[KERNEL.totalram_pages];
  const vmalloc = vmallocTotal(k);
  return (
    pages('MemTotal', total) +
    pages('MemFree', pagesOf(k, 'nr_free_pages')) +
    pages('Buffers', 0) +
    pages('Cached', pagesOf(k, 'nr_file_pages')) +
    pages('SwapCached', 0) +
    pages('Active', pagesOf(k, 'nr_active')) +
    pages('Inactive', pagesOf(k, 'nr_inactive')) +
    (hasHighMemory(k) ? highAndLow(k, total) : '') +
    pages('SwapTotal', 0) +
    pages('SwapFree', 0) +
    pages('Dirty', pagesOf(k, 'nr_dirty')) +
    pages('Writeback', pagesOf(k, 'nr_writeback')) +
    pages('AnonPages', pagesOf(k, 'nr_anon_pages')) +
    pages('Mapped', pagesOf(k, 'nr_mapped')) +
    pages('Slab', pagesOf(k, 'nr_slab_reclaimable') + pagesOf(k, 'nr_slab_unreclaimable')) +
    pages('SReclaimable', pagesOf(k, 'nr_slab_reclaimable')) +
    pages('SUnreclaim', pagesOf(k, 'nr_slab_unreclaimable')) +
    pages('PageTables', pagesOf(k, 'nr_page_table_pages')) +
    pages('NFS_Unstable', pagesOf(k, 'nr_unstable')) +
    pages('Bounce', pagesOf(k, 'nr_bounce')) +
    pages('CommitLimit', Math.floor((total * OVERCOMMIT_RATIO) / 100)) +
    pages('Committed_AS', 0) +
    meminfoLine('VmallocTotal', vmalloc) +
    meminfoLine('VmallocUsed', 0) +
    meminfoLine('VmallocChunk', vmalloc)
  );
}

/** The range for vmalloc in kB. The kernel's VMALLOC_END is behind the range on x86, its last byte on x86_64. */
function vmallocTotal(k: Cpu): number {
  const { bits, VMALLOC_START, VMALLOC_END } = k.space;
  const end = bits === 32 ? VMALLOC_END + 1 : VMALLOC_END;
  return Math.floor((end - VMALLOC_START) / 1024);
}

function pages(name: string, count: number): string {
  return meminfoLine(name, kilobytes(count));
}

function highAndLow(k: Cpu, total: number): string {
  const high = highMemory(k, -1);
  return (
    pages('HighTotal', high.total) +
    pages('HighFree', high.free) +
    pages('LowTotal', total - high.total) +
    pages('LowFree', Math.max(0, pagesOf(k, 'nr_free_pages') - high.free))
  );
}

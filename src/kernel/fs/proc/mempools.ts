import { formatAddress } from '../../../arch/address-space.js';
import { PAGE_SIZE } from '../../../arch/page.js';
import type { Cpu } from '../../core/cpu.js';
import { FIRST_MODULE_SYMBOL } from '../../core/symbols.js';
import { moduleSymbolText } from '../../cpu/module-symbols.js';
import { WAIT_QUEUE_HEAD } from '../../sched/wait-line.js';
import { cacheName } from '../../slab/cache-name.js';
import { generalCache } from '../../slab/general-caches.js';
import { KMEM_CACHE } from '../../slab/kmem-cache.js';
import { forEachPool, MEMPOOL, poolData } from '../../slab/mempool-chain.js';
import { mempool_alloc_pages, mempool_alloc_slab, mempool_kmalloc } from '../../slab/mempool-kinds.js';
import { slotAddress, wordSlot } from '../../slab/slot.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../../sync/spinlock.js';
import { lu } from '../format.js';

/** A pool at the moment when it was looked at. */
interface PoolRow {
  readonly address: string;
  readonly minNr: number;
  readonly currNr: number;
  /** Bytes of an element as the allocator sees it; undefined when only the pool's own function knows. */
  readonly elementBytes: number | undefined;
  readonly waiters: number;
  readonly kind: string;
}

const AT = MEMPOOL.at;

/**
 * /proc/mempools, which Linux does not have: the memory pools in the order of their creation. A line for each has the address of
 * its `mempool_t`, the elements that its reserve should have (min_nr) and has (curr_nr), the bytes that lie idle in it
 * (`-` when only the pool's own function knows what an element is), the tasks that wait for an element, and what elements are:
 * `slab` and the name of the cache, `pages` and the order, `kmalloc` and the size, or the name of the allocation function.
 */
export function mempools(k: Cpu): string {
  const rows: PoolRow[] = [];
  forEachPool(k, (pool) => rows.push(lookAt(k, pool)));
  const width = k.space.bits / 4;
  let text = `# ${'mempool'.padEnd(width - 2)} <min_nr> <curr_nr> <idle_bytes> <waiters> <elements>\n`;
  for (const { address, minNr, currNr, elementBytes, waiters, kind } of rows) {
    const idle = elementBytes === undefined ? '-' : String(currNr * elementBytes);
    text += `${address} ${lu(minNr, 8)} ${lu(currNr, 9)} ${idle.padStart(12)} ${lu(waiters, 9)} ${kind}\n`;
  }
  return text;
}

function lookAt(k: Cpu, pool: number): PoolRow {
  const { i32 } = k;
  const address = formatAddress(k.space, slotAddress(k, wordSlot(k, pool)));
  const flags = spin_lock_irqsave(k, pool + AT.lock);
  const minNr = i32[pool + AT.min_nr];
  const currNr = i32[pool + AT.curr_nr];
  spin_unlock_irqrestore(k, pool + AT.lock, flags);
  return { address, minNr, currNr, waiters: countWaiters(k, pool + AT.wait), ...elementsOf(k, pool) };
}

function countWaiters(k: Cpu, queue: number): number {
  const end = queue + WAIT_QUEUE_HEAD.at.task_list;
  let count = 0;
  const flags = spin_lock_irqsave(k, queue);
  for (let link = k.i32[end]; link !== end; link = k.i32[link]) count++;
  spin_unlock_irqrestore(k, queue, flags);
  return count;
}

function elementsOf(k: Cpu, pool: number): Pick<PoolRow, 'elementBytes' | 'kind'> {
  const symbol = k.i32[pool + AT.alloc];
  const data = poolData(k, pool);
  switch (symbol) {
    case mempool_alloc_slab:
      return { elementBytes: objectBytes(k, data), kind: `slab ${cacheName(k, data) ?? '?'}` };
    case mempool_alloc_pages:
      return { elementBytes: PAGE_SIZE * 2 ** data, kind: `pages ${data}` };
    case mempool_kmalloc:
      return { elementBytes: objectBytes(k, generalCache(k, data, 0)), kind: `kmalloc ${data}` };
    default:
      return { elementBytes: undefined, kind: nameOfFunction(k, symbol) };
  }
}

/** What an object takes up in its slab. */
function objectBytes(k: Cpu, cache: number): number {
  return k.i32[cache + KMEM_CACHE.at.buffer_size];
}

function nameOfFunction(k: Cpu, symbol: number): string {
  return symbol < FIRST_MODULE_SYMBOL ? `symbol ${symbol}` : moduleSymbolText(k, symbol).name;
}

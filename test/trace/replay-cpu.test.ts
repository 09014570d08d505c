import { describe, expect, it } from 'vitest';

import { start_kernel } from '../../src/kernel/boot.js';
import { GFP_KERNEL } from '../../src/kernel/mm/gfp.js';
import { cacheLayout } from '../../src/trace/cache-layout.js';
import { createCaches, destroyCaches, readSlabFacts, shrinkCaches } from '../../src/trace/replay-cpu.js';
import { type ReplayKernel, runProgram } from '../../src/trace/run-program.js';
import { sampleTraceFile } from '../../src/trace/sample-trace.js';
import { countSlabPages } from '../../src/trace/slab-page-count.js';
import { SlotTable } from '../../src/trace/slot-table.js';
import { TraceCompiler } from '../../src/trace/trace-compiler.js';
import { bootInProcess, twoNodes } from '../support/boot-in-process.js';
import { collectBatches } from './support.js';

function boot() {
  return bootInProcess(twoNodes(), undefined, start_kernel).k;
}

/** Pages of slabs as /proc/slabinfo tells. */
function slabinfoPages(text: string): number {
  const rows = [...text.matchAll(/^\S+ +\d+ +\d+ +\d+ +\d+ +(\d+) : .* : slabdata +\d+ +(\d+) /gm)];
  return rows.reduce((sum, [, pages, slabs]) => sum + Number(pages) * Number(slabs), 0);
}

describe('the caches of a replay', () => {
  it.each([
    ['skbuff_head_cache', 224, 256, 256, 64],
    ['filp', 184, 192, 192, 64],
    ['anon_vma', 96, 104, 96, 8],
    ['lsm_file_cache', 24, 24, 24, 8],
    ['TCP', 2304, 2368, 2304, 64],
  ])('%s: its objects lie as far apart as is said', (name, requested, allocated, bytes, align) => {
    const k = boot();
    const [{ cache, bytes: told }] = createCaches(k, [{ name, ...cacheLayout(requested, allocated) }]);
    expect(told).toBe(bytes);
    const objects = Array.from({ length: 12 }, () => k.kmem_cache_alloc(cache, GFP_KERNEL));
    const sorted = objects.toSorted((a, b) => a - b);
    const distances = sorted.slice(1).map((address, at) => address - sorted[at]);
    expect(Math.min(...distances)).toBe(bytes);
    for (const address of objects) expect(((address % align) + align) % align).toBe(0);
    for (const address of objects) k.kmem_cache_free(cache, address);
    expect(destroyCaches(k, [cache])).toBe(0);
  });

  it('are left where objects of them are out', () => {
    const k = boot();
    const specs = ['a', 'b'].map((name) => ({ name, ...cacheLayout(100, 100) }));
    const [a, b] = createCaches(k, specs).map(({ cache }) => cache);
    expect(k.kmem_cache_alloc(a, GFP_KERNEL)).not.toBe(0);
    expect(destroyCaches(k, [a, b])).toBe(1);
    expect(readSlabFacts(k).cacheNames).toContain('a');
    expect(readSlabFacts(k).cacheNames).not.toContain('b');
  });
});

describe('the sample trace on a real kernel', () => {
  it('is given as many bytes as the comparison of waste says, and all of them come back', async () => {
    const k = boot();
    shrinkCaches(k);
    const pagesBefore = countSlabPages(k);
    expect(pagesBefore).toBe(slabinfoPages(k.cat('/proc/slabinfo')));
    const slabs = readSlabFacts(k);
    const compiler = new TraceCompiler(sampleTraceFile(), { cpus: 1, events: 'objects', slabs });
    const [batch] = await collectBatches(compiler);
    const created = createCaches(k, batch.caches);
    const bytesOf = new Map(created.map(({ cache, bytes }) => [cache, bytes]));
    let given = 0;
    const count = (object: number, bytes: number): number => {
      given += bytes;
      return object;
    };
    const fromCache = (object: number, cache: number): number => count(object, bytesOf.get(cache)!);
    const fromKmalloc = (object: number): number => count(object, k.ksize(object));
    const counting: ReplayKernel = {
      smp_processor_id: () => k.smp_processor_id(),
      poll: () => k.poll(),
      alloc_pages: (gfp, order) => k.alloc_pages(gfp, order),
      alloc_pages_node: (nid, gfp, order) => k.alloc_pages_node(nid, gfp, order),
      __free_pages: (pfn, order) => k.__free_pages(pfn, order),
      kmalloc: (size, gfp) => fromKmalloc(k.kmalloc(size, gfp)),
      kmalloc_node: (size, gfp, nid) => fromKmalloc(k.kmalloc_node(size, gfp, nid)),
      kfree: (object) => k.kfree(object),
      kmem_cache_alloc: (cache, gfp) => fromCache(k.kmem_cache_alloc(cache, gfp), cache),
      kmem_cache_alloc_node: (cache, gfp, nid) => fromCache(k.kmem_cache_alloc_node(cache, gfp, nid), cache),
      kmem_cache_free: (cache, object) => k.kmem_cache_free(cache, object),
    };
    const caches = Int32Array.from(created, ({ cache }) => cache);
    const slots = new SlotTable();
    const abort = new Int32Array(new SharedArrayBuffer(4));
    for (const { programs, slots: needed } of [batch, ...compiler.releaseAll()]) {
      const task = { programs, slots: slots.ensure(needed), caches, abort };
      expect(runProgram(counting, task).objectFailures).toBe(0);
    }
    expect(countSlabPages(k)).toBe(slabinfoPages(k.cat('/proc/slabinfo')));
    const { total } = compiler.waste(created.map(({ bytes }) => bytes));
    expect(given).toBe(total.givenBytes);
    expect(total.wastedBytes).toBe(given - total.requestedBytes);
    expect(destroyCaches(k, [...caches])).toBe(0);
    shrinkCaches(k);
    expect(countSlabPages(k)).toBe(pagesBefore);
  });
});

import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { describe, expect, it } from 'vitest';

import {
  __GFP_COMP,
  __GFP_DMA,
  __GFP_THISNODE,
  __GFP_ZERO,
  GFP_KERNEL,
  GFP_USER,
} from '../../src/kernel/mm/gfp.js';
import { type ProgramBatch } from '../../src/trace/program.js';
import { ProgramCompiler } from '../../src/trace/program-compiler.js';
import {
  runProgram,
  type ProgramResult,
  type ReplayKernel,
  type ReplayTask,
} from '../../src/trace/run-program.js';
import { SLABS_OF_2_6_10 } from '../../src/trace/slab-facts.js';
import { SlotTable } from '../../src/trace/slot-table.js';
import { TraceCompiler } from '../../src/trace/trace-compiler.js';
import { sampleTraceFile } from '../../src/trace/sample-trace.js';
import { cacheAllocLine, cacheFreeLine, collectBatches, fixture, kfreeLine, kmallocLine } from './support.js';

function words(count: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(count * 4));
}

/** Caches have the handles 1001, 1002, and so on, in the order of their numbers. */
function taskOf(batch: ProgramBatch, slots = new SlotTable()): ReplayTask {
  const caches = Int32Array.from(batch.caches, (_, number) => 1001 + number);
  return { programs: batch.programs, slots: slots.ensure(batch.slots), caches, abort: words(1) };
}

/** Where the memory of the traced machine, and of the one that replays, begins. */
const PAGE_OFFSET = -0x7780_0000_0000;

/** A kernel that hands out frames and objects one after the other and remembers them; `limit` of each at once. */
class CountingKernel implements ReplayKernel {
  readonly live = new Map<number, number>();
  /** What objects are from, by address. */
  readonly objects = new Map<number, string>();
  readonly calls: string[] = [];
  readonly #cpu: number;
  readonly #limit: number;
  #next = 1;

  constructor(cpu = 0, limit = Infinity) {
    this.#cpu = cpu;
    this.#limit = limit;
  }

  smp_processor_id(): number {
    return this.#cpu;
  }

  alloc_pages(gfp: number, order: number): number {
    this.calls.push(`alloc ${gfp} ${order}`);
    if (this.live.size >= this.#limit) return 0;
    this.live.set(this.#next, order);
    return this.#next++;
  }

  __free_pages(pfn: number, order: number): void {
    this.calls.push(`free ${pfn} ${order}`);
    expect(this.live.get(pfn)).toBe(order);
    this.live.delete(pfn);
  }

  alloc_pages_node(nid: number, gfp: number, order: number): number {
    this.calls.push(`on ${nid}`);
    return this.alloc_pages(gfp, order);
  }

  kmalloc(size: number, gfp: number): number {
    this.calls.push(`kmalloc ${size} ${gfp}`);
    return this.#object('kmalloc');
  }

  kmalloc_node(size: number, gfp: number, nid: number): number {
    this.calls.push(`on ${nid}`);
    return this.kmalloc(size, gfp);
  }

  kfree(object: number): void {
    this.calls.push('kfree');
    this.#take(object, 'kmalloc');
  }

  kmem_cache_alloc(cache: number, gfp: number): number {
    this.calls.push(`cache ${cache} ${gfp}`);
    return this.#object(`cache ${cache}`);
  }

  kmem_cache_alloc_node(cache: number, gfp: number, nid: number): number {
    this.calls.push(`on ${nid}`);
    return this.kmem_cache_alloc(cache, gfp);
  }

  kmem_cache_free(cache: number, object: number): void {
    this.calls.push(`free of ${cache}`);
    this.#take(object, `cache ${cache}`);
  }

  #object(from: string): number {
    if (this.objects.size >= this.#limit) return 0;
    const address = PAGE_OFFSET + 64 * this.#next++;
    this.objects.set(address, from);
    return address;
  }

  #take(object: number, from: string): void {
    expect(this.objects.get(object)).toBe(from);
    this.objects.delete(object);
  }

  poll(): void {
    this.calls.push('poll');
  }
}

describe('running a program', () => {
  it('allocates and frees in the order of the program', () => {
    const compiler = new ProgramCompiler(1);
    compiler.alloc(0, 70, 2, 0xd0);
    compiler.alloc(0, 71, 0, 0x20);
    compiler.free(0, 71);
    compiler.free(0, 70);
    const kernel = new CountingKernel();
    const task = taskOf(compiler.takeBatch());
    const result = runProgram(kernel, task);
    expect(kernel.calls).toEqual(['alloc 208 2', 'alloc 32 0', 'free 2 0', 'free 1 2']);
    expect(result).toMatchObject({ cpu: 0, allocs: 2, frees: 2, failures: 0, waits: 0 });
    expect(result).toMatchObject({ pagesAllocated: 5, pagesFreed: 5 });
    expect(result.elapsedNs).toBeGreaterThan(0);
    expect([...task.slots.states.subarray(0, 2)]).toEqual([0, 0]);
  });

  it('counts failures and leaves out the frees of what failed', () => {
    const compiler = new ProgramCompiler(1);
    for (const pfn of [1, 2, 3]) compiler.alloc(0, pfn, 0, 0);
    for (const pfn of [1, 2, 3]) compiler.free(0, pfn);
    const kernel = new CountingKernel(0, 2);
    const result = runProgram(kernel, taskOf(compiler.takeBatch()));
    expect(result).toMatchObject({ allocs: 2, frees: 2, failures: 1, skippedFrees: 1 });
    expect(kernel.live.size).toBe(0);
  });

  it('frees in a later batch, with the table grown between', () => {
    const compiler = new ProgramCompiler(1);
    const kernel = new CountingKernel();
    const slots = new SlotTable();
    compiler.alloc(0, 0, 1, 0);
    runProgram(kernel, taskOf(compiler.takeBatch(), slots));
    for (let pfn = 1; pfn < 10_000; pfn++) compiler.alloc(0, pfn, 0, 0);
    compiler.free(0, 0);
    runProgram(kernel, taskOf(compiler.takeBatch(), slots));
    expect(kernel.live.size).toBe(9999);
    for (const batch of compiler.releaseAll()) runProgram(kernel, taskOf(batch, slots));
    expect(kernel.live.size).toBe(0);
  });

  it('has nothing to do on a CPU without a program', () => {
    const kernel = new CountingKernel(5);
    expect(runProgram(kernel, taskOf(new ProgramCompiler(2).takeBatch()))).toMatchObject({
      cpu: 5,
      allocs: 0,
    });
    expect(kernel.calls).toEqual([]);
  });

  it('stops when the replay was aborted, also while it waits', () => {
    const compiler = new ProgramCompiler(2);
    compiler.alloc(0, 1, 0, 0);
    compiler.free(1, 1);
    const task = taskOf(compiler.takeBatch());
    const kernel = new CountingKernel(1);
    kernel.poll = () => void Atomics.store(task.abort, 0, 1);
    expect(() => runProgram(kernel, task)).toThrow('replay: CPU 1 stops because the replay was aborted');
    expect(() => runProgram(new CountingKernel(0), task)).toThrow('replay: CPU 0 stops');
  });

  it('aborts the others when the kernel throws', () => {
    const compiler = new ProgramCompiler(1);
    compiler.alloc(0, 1, 0, 0);
    const task = taskOf(compiler.takeBatch());
    const kernel = new CountingKernel();
    kernel.alloc_pages = () => {
      throw new Error('panic');
    };
    expect(() => runProgram(kernel, task)).toThrow('panic');
    expect(task.abort[0]).toBe(1);
  });
});

/** What a kernel is asked for when it replays these lines on one CPU. */
async function runText(text: string, kernel = new CountingKernel(), nodes = 1) {
  const slabs = { ...SLABS_OF_2_6_10, nodes };
  const compiler = new TraceCompiler('t', { cpus: 1, chunks: [Buffer.from(text)], slabs });
  const slots = new SlotTable();
  const batches = await collectBatches(compiler);
  const [result] = batches.map((batch) => runProgram(kernel, taskOf(batch, slots)));
  return { compiler, batches, result, slots };
}

describe('running object events', () => {
  it('frees each object where it came from, whatever the trace freed it with', async () => {
    const kernel = new CountingKernel();
    const { result } = await runText(
      kmallocLine(0, 1, { requested: 100 }) +
        cacheAllocLine(0, 2, 'filp') +
        cacheAllocLine(0, 3, 'dentry') +
        kfreeLine(0, 3) +
        cacheFreeLine(0, 1, 'anything') +
        kfreeLine(0, 2),
      kernel,
    );
    expect(kernel.calls).toEqual([
      `kmalloc 100 ${GFP_KERNEL}`,
      `cache 1001 ${GFP_KERNEL}`,
      `cache 1002 ${GFP_KERNEL}`,
      'free of 1002',
      'kfree',
      'free of 1001',
    ]);
    expect(result).toMatchObject({ objectAllocs: 3, objectFrees: 3, objectFailures: 0, allocs: 0, frees: 0 });
    expect(kernel.objects.size).toBe(0);
  });

  it('passes by frees of NULL and of what is older than the trace, and allocations that have failed', async () => {
    const { result, batches } = await runText(
      kfreeLine(0, 1).replace('ffff888100000001', '(null)') +
        kfreeLine(0, 5) +
        kmallocLine(0, 1).replace('ffff888100000001', '0000000000000000') +
        kmallocLine(0, 2),
    );
    expect(batches[0].operations).toBe(1);
    expect(result).toMatchObject({ objectAllocs: 1, objectFrees: 0 });
  });

  it('makes pages of what is too large for kmalloc, and asks for 0 bytes where the trace does', async () => {
    const kernel = new CountingKernel();
    const lines = [131_072, 131_073, 4_000_000, 0].map((requested, at) =>
      kmallocLine(0, at + 1, { requested }),
    );
    const frees = [1, 2, 3, 4].map((address) => kfreeLine(0, address));
    const { result } = await runText(lines.join('') + frees.slice(0, 2).join(''), kernel);
    expect(kernel.calls).toEqual([
      `kmalloc 131072 ${GFP_KERNEL}`,
      `alloc ${GFP_KERNEL | __GFP_COMP} 6`,
      `alloc ${GFP_KERNEL | __GFP_COMP} 10`,
      `kmalloc 0 ${GFP_KERNEL}`,
      'kfree',
      'free 2 6',
    ]);
    expect(result).toMatchObject({ objectAllocs: 4, objectFrees: 2, allocs: 0, frees: 0, largePages: 1024 });
  });

  it('counts failures, also those of a cache that could not be created', async () => {
    const compiler = new TraceCompiler('t', {
      cpus: 1,
      chunks: [
        Buffer.from(cacheAllocLine(0, 1, 'a') + kmallocLine(0, 2) + kmallocLine(0, 3) + kfreeLine(0, 1)),
      ],
    });
    const [batch] = await collectBatches(compiler);
    const task = { ...taskOf(batch), caches: Int32Array.of(0) };
    const kernel = new CountingKernel(0, 1);
    expect(runProgram(kernel, task)).toMatchObject({
      objectAllocs: 1,
      objectFailures: 2,
      skippedObjectFrees: 1,
      objectFrees: 0,
    });
  });

  it('asks a node where the trace does, one that the machine has', async () => {
    const kernel = new CountingKernel();
    const text =
      kmallocLine(0, 1, { node: 0 }) +
      cacheAllocLine(0, 2, 'a', { node: 1 }) +
      kmallocLine(0, 3, { node: 3, requested: 200_000 }) +
      cacheAllocLine(0, 4, 'a', { node: 5, flags: 'GFP_KERNEL|__GFP_THISNODE' });
    await runText(text, kernel, 2);
    expect(kernel.calls).toEqual([
      ...['on 0', `kmalloc 100 ${GFP_KERNEL}`],
      ...['on 1', `cache 1001 ${GFP_KERNEL}`],
      ...['on 1', `alloc ${GFP_KERNEL | __GFP_COMP} 6`],
      ...['on 1', `cache 1001 ${GFP_KERNEL | __GFP_THISNODE}`],
    ]);
  });

  it('leaves out of the masks what objects cannot have', async () => {
    const kernel = new CountingKernel();
    const flags = 'GFP_HIGHUSER_MOVABLE|__GFP_DMA|__GFP_COMP|__GFP_NOFAIL|__GFP_ZERO|__GFP_RECLAIMABLE';
    await runText(kmallocLine(0, 1, { flags }) + cacheAllocLine(0, 2, 'a', { flags }), kernel);
    const kept = GFP_USER | __GFP_ZERO;
    expect(kernel.calls).toEqual([`kmalloc 100 ${kept | __GFP_DMA}`, `cache 1001 ${kept}`]);
  });

  it('frees what is live at the end of the trace', async () => {
    const kernel = new CountingKernel();
    const { compiler, slots } = await runText(
      kmallocLine(0, 1) +
        kmallocLine(0, 1) +
        cacheAllocLine(0, 2, 'a') +
        kmallocLine(0, 3, { requested: 1e6 }),
      kernel,
    );
    // The first one has been freed in between, or its address could not have come again.
    expect(kernel.objects.size).toBe(2);
    for (const batch of compiler.releaseAll()) runProgram(kernel, taskOf(batch, slots));
    expect([kernel.objects.size, kernel.live.size]).toEqual([0, 0]);
  });
});

/** The compiled module: threads load JavaScript. */
const moduleUrl = new URL('../../dist/src/trace/run-program.js', import.meta.url);

interface Answer {
  result?: ProgramResult;
  error?: string;
}

/** Runs a batch on a thread per CPU; state is [threads ready, frames handed out, wrong frees]. */
async function runOnThreads(task: ReplayTask, state: Int32Array, frames: Int32Array, failOn = -1) {
  const answers = task.programs.map(async (_, cpu) => {
    const failAfter = cpu === failOn ? 100 : 0;
    const workerData = { moduleUrl: moduleUrl.href, cpu, task, state, frames, failAfter };
    const worker = new Worker(fixture('replay-worker.mjs'), { workerData });
    const answer = await new Promise<Answer>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    await worker.terminate();
    return answer;
  });
  return Promise.all(answers);
}

/** A trace in which every page is freed on the CPU after the one that allocated it. */
function crossingBatch(cpus: number, pages: number): ProgramBatch {
  const compiler = new ProgramCompiler(cpus);
  for (let pfn = 0; pfn < pages; pfn++) {
    compiler.alloc(pfn % cpus, pfn, 0, 0);
    if (pfn >= 8) compiler.free((pfn - 8 + 1) % cpus, pfn - 8);
  }
  return compiler.takeBatch();
}

describe('running programs on threads', () => {
  it('was built', () => {
    expect(existsSync(moduleUrl), 'run `npm run build` first').toBe(true);
  });

  it('frees everything once, however the threads are scheduled', async () => {
    const pages = 50_000;
    const batch = crossingBatch(4, pages);
    const state = words(3);
    const frames = words(pages + 1);
    const answers = await runOnThreads(taskOf(batch), state, frames);
    const results = answers.map(({ result }) => result!);
    expect(results.map(({ cpu }) => cpu)).toEqual([0, 1, 2, 3]);
    expect(results.reduce((sum, { allocs }) => sum + allocs, 0)).toBe(pages);
    expect(results.reduce((sum, { frees }) => sum + frees, 0)).toBe(pages - 8);
    expect(results.reduce((sum, { waits }) => sum + waits, 0)).toBeGreaterThan(0);
    expect(state[2]).toBe(0);
    expect(frames.filter((count) => count === 2)).toHaveLength(pages - 8);
  });

  it('runs the sample trace', async () => {
    const compiler = new TraceCompiler(sampleTraceFile(), { cpus: 2, batchOperations: 2000 });
    const slots = new SlotTable();
    const state = words(3);
    const frames = words(30_000);
    for await (const batch of compiler.batches()) {
      state[0] = 0;
      for (const { error } of await runOnThreads(taskOf(batch, slots), state, frames)) {
        expect(error).toBeUndefined();
      }
    }
    const { pages, objects } = compiler.summary();
    expect(state[1]).toBe(pages.allocations + objects.allocations);
    const live = pages.liveBlocks + objects.liveObjects;
    expect(frames.filter((count) => count === 1)).toHaveLength(live);
    expect(state[2]).toBe(0);
  });

  it('ends on all CPUs when one fails', async () => {
    const answers = await runOnThreads(taskOf(crossingBatch(3, 10_000)), words(3), words(10_001), 1);
    expect(answers[1].error).toBe('kernel panic');
    expect(answers[0].error).toContain('aborted on another CPU');
    expect(answers[2].error).toContain('aborted on another CPU');
  });
});

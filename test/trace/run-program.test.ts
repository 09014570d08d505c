import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { describe, expect, it } from 'vitest';

import { type ProgramBatch } from '../../src/trace/program.js';
import { ProgramCompiler } from '../../src/trace/program-compiler.js';
import {
  runProgram,
  type ProgramResult,
  type ReplayKernel,
  type ReplayTask,
} from '../../src/trace/run-program.js';
import { SlotTable } from '../../src/trace/slot-table.js';
import { TraceCompiler } from '../../src/trace/trace-compiler.js';
import { sampleTraceFile } from '../../src/trace/sample-trace.js';
import { fixture } from './support.js';

function words(count: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(count * 4));
}

function taskOf(batch: ProgramBatch, slots = new SlotTable()): ReplayTask {
  return { programs: batch.programs, slots: slots.ensure(batch.slots), abort: words(1) };
}

/** A kernel that hands out frames one after the other and remembers them; `limit` blocks at once. */
class CountingKernel implements ReplayKernel {
  readonly live = new Map<number, number>();
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
    expect([...task.slots.subarray(0, 2)]).toEqual([0, 0]);
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
    const frames = words(10_000);
    for await (const batch of compiler.batches()) {
      state[0] = 0;
      await runOnThreads(taskOf(batch, slots), state, frames);
    }
    expect(state[1]).toBe(4327);
    expect(frames.filter((count) => count === 1)).toHaveLength(compiler.summary().pages.liveBlocks);
    expect(state[2]).toBe(0);
  });

  it('ends on all CPUs when one fails', async () => {
    const answers = await runOnThreads(taskOf(crossingBatch(3, 10_000)), words(3), words(10_001), 1);
    expect(answers[1].error).toBe('kernel panic');
    expect(answers[0].error).toContain('aborted on another CPU');
    expect(answers[2].error).toContain('aborted on another CPU');
  });
});

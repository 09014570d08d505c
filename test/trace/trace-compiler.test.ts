import { describe, expect, it } from 'vitest';

import { __GFP_COMP, GFP_NOFS } from '../../src/kernel/mm/gfp.js';
import { ARGUMENT_SHIFT, OP_ALLOC, OP_CROSS, OP_FREE } from '../../src/trace/program.js';
import { readAhead } from '../../src/trace/read-ahead.js';
import { sampleTraceFile } from '../../src/trace/sample-trace.js';
import { SlotTable } from '../../src/trace/slot-table.js';
import { TraceCompiler } from '../../src/trace/trace-compiler.js';
import { allocLine, collectBatches, fixture, freeLine } from './support.js';

async function compileText(text: string, cpus: number) {
  const compiler = new TraceCompiler('t', { cpus, chunks: [Buffer.from(text)] });
  return { compiler, batches: await collectBatches(compiler) };
}

describe('compiling a trace', () => {
  it('makes operations of those page events that can be run', async () => {
    const { compiler, batches } = await compileText(
      allocLine(0, 0x10, 3, 'GFP_NOFS|__GFP_NOFAIL|__GFP_COMP') +
        allocLine(0, 0, 9) +
        freeLine(1, 0x99) +
        'a-1 [001] ..... 1.0: kfree: call_site=f ptr=ffff888000000000\n' +
        freeLine(1, 0x10, 3) +
        freeLine(1, 0x10, 3).replace('mm_page_free', 'mm_page_free_batched'),
      4,
    );
    expect(batches).toHaveLength(1);
    // No __GFP_NOFAIL: the replay must end.
    expect(batches[0].programs.map((program) => [...program])).toEqual([
      [OP_ALLOC | OP_CROSS | (3 << ARGUMENT_SHIFT), GFP_NOFS | __GFP_COMP, 0],
      [OP_FREE | OP_CROSS | (3 << ARGUMENT_SHIFT), 0, 0],
      [],
      [],
    ]);
    expect(compiler.summary().pages).toMatchObject({
      allocations: 2,
      failures: 1,
      frees: 2,
      repeatedFrees: 1,
    });
    expect(compiler.compiled().pages).toMatchObject({ allocs: 1, frees: 1, unmatchedFrees: 1 });
    expect(compiler.compiled().objects).toMatchObject({ allocs: 0, frees: 0, unmatchedFrees: 1 });
  });

  it('merges the CPUs of the trace in trace order if there are fewer', async () => {
    const { batches } = await compileText(
      allocLine(0, 1) + allocLine(3, 2) + freeLine(2, 2) + freeLine(1, 1),
      1,
    );
    expect([...batches[0].programs[0]].filter((_, at) => at % 3 === 2)).toEqual([0, 1, 1, 0]);
    expect(batches[0].programs[0].some((word) => (word & OP_CROSS) !== 0 && word < 8)).toBe(false);
  });

  it('gives no batch for a trace without events', async () => {
    expect((await compileText('# nothing\n', 2)).batches).toEqual([]);
  });

  it('gives the same operations in small batches made ahead', async () => {
    const whole = new TraceCompiler(sampleTraceFile(), { cpus: 2 });
    const pieces = new TraceCompiler(sampleTraceFile(), { cpus: 2, batchOperations: 100 });
    const [all] = await collectBatches(whole);
    const words: number[][] = [[], []];
    let batches = 0;
    for await (const batch of readAhead(pieces.batches())) {
      expect(batch.sequence).toBe(batches++);
      for (const [cpu, program] of batch.programs.entries()) words[cpu].push(...program);
    }
    expect(batches).toBe(Math.ceil(all.operations / 100));
    const withoutSlots = (program: Iterable<number>) =>
      [...program]
        .filter((_, at) => at % 3 !== 2)
        .map((word, at) => (at % 2 === 0 ? word & ~OP_CROSS : word));
    for (const cpu of [0, 1]) expect(withoutSlots(words[cpu])).toEqual(withoutSlots(all.programs[cpu]));
    expect(pieces.summary()).toEqual(whole.summary());
    expect(pieces.compiled().slots).toBeLessThan(whole.compiled().slots);
  });

  it('runs all events, or those of pages or objects alone, and counts the others', async () => {
    const totals = async (events: 'all' | 'pages' | 'objects') => {
      const compiler = new TraceCompiler(sampleTraceFile(), { cpus: 2, events });
      const [batch] = await collectBatches(compiler);
      const { pages, objects } = compiler.compiled();
      const counts = [pages.allocs, pages.frees, objects.allocs, objects.frees + objects.missingFrees];
      expect(batch.operations).toBe(counts.reduce((sum, count) => sum + count));
      return { counts, caches: batch.caches.length, summary: compiler.summary() };
    };
    const [all, pages, objects] = [await totals('all'), await totals('pages'), await totals('objects')];
    const { summary } = all;
    expect(all.counts).toEqual([
      summary.pages.allocations,
      summary.pages.frees - summary.pages.unmatchedFrees,
      summary.objects.allocations,
      summary.objects.frees - summary.objects.unmatchedFrees + summary.objects.missingFrees,
    ]);
    expect(pages.counts).toEqual([...all.counts.slice(0, 2), 0, 0]);
    expect(objects.counts).toEqual([0, 0, ...all.counts.slice(2)]);
    expect([all.caches, pages.caches, objects.caches]).toEqual([31, 0, 31]);
    expect([pages.summary, objects.summary]).toEqual([summary, summary]);
  });

  it('gives a perf script the programs of the same ftrace text', async () => {
    const programs = async (name: string) => {
      const batches = await collectBatches(new TraceCompiler(fixture(name), { cpus: 2 }));
      return batches.map((batch) => batch.programs.map((program) => [...program]));
    };
    expect(await programs('http.perf-script.txt')).toEqual(await programs('http.ftrace'));
  });
});

describe('reading ahead', () => {
  it('throws an error of the source when its turn comes, and gives what came before', async () => {
    const compiler = new TraceCompiler('bad', {
      cpus: 1,
      batchOperations: 1,
      chunks: [Buffer.from(`${allocLine(0, 1)}${allocLine(0, 2)}broken\n`)],
    });
    const seen: number[] = [];
    const read = async () => {
      for await (const batch of readAhead(compiler.batches())) seen.push(batch.sequence);
    };
    await expect(read()).rejects.toThrow('bad:3: frame');
    expect(seen).toEqual([0, 1]);
  });

  it('ends the source when the consumer ends early', async () => {
    let ended = false;
    async function* source() {
      try {
        for (let i = 0; i < 10; i++) yield i;
      } finally {
        ended = true;
      }
    }
    for await (const value of readAhead(source())) if (value === 2) break;
    expect(ended).toBe(true);
  });
});

describe('the slot table', () => {
  it('grows and keeps its contents', () => {
    const table = new SlotTable();
    const small = table.ensure(10);
    small.values[9] = 77;
    small.states[9] = 1;
    expect(table.ensure(10)).toBe(small);
    const large = table.ensure(small.values.length + 1);
    for (const name of ['values', 'states'] as const) {
      expect(large[name].length).toBe(small[name].length * 2);
      expect(large[name][9]).toBe(small[name][9]);
      expect(large[name].buffer).toBeInstanceOf(SharedArrayBuffer);
    }
  });
});

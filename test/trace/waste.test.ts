import { describe, expect, it } from 'vitest';

import { sampleTraceFile } from '../../src/trace/sample-trace.js';
import { SLABS_OF_2_6_10 } from '../../src/trace/slab-facts.js';
import { TraceCompiler } from '../../src/trace/trace-compiler.js';
import { sumWaste } from '../../src/trace/waste.js';
import { cacheAllocLine, collectBatches, fixture, kfreeLine, kmallocLine } from './support.js';

/** The waste of a trace on a machine whose cache objects are as large as was asked for. */
async function wasteOf(file: string, text?: string, slabs = SLABS_OF_2_6_10) {
  const chunks = text === undefined ? {} : { chunks: [Buffer.from(text)] };
  const compiler = new TraceCompiler(file, { cpus: 1, slabs, ...chunks });
  const batches = await collectBatches(compiler);
  const waste = compiler.waste(batches.at(-1)!.caches.map(({ size }) => size));
  return { waste, objects: compiler.summary().objects };
}

describe('the comparison of waste', () => {
  it('adds up what was given and not asked for, by cache', async () => {
    const text =
      kmallocLine(0, 1, { requested: 70, allocated: 96 }) +
      kmallocLine(0, 2, { requested: 90, allocated: 96 }) +
      kfreeLine(0, 1) +
      kmallocLine(0, 3, { requested: 200_000, allocated: 262_144 }) +
      cacheAllocLine(0, 4, 'anon_vma', { requested: 96, allocated: 104 });
    const { waste } = await wasteOf('t', text);
    expect(waste.byCache).toEqual([
      {
        name: 'kmalloc-262144',
        ...{ allocations: 1, requestedBytes: 200_000, tracedBytes: 262_144, tracedWastedBytes: 62_144 },
        ...{ givenBytes: 262_144, wastedBytes: 62_144 },
      },
      {
        name: 'kmalloc-96',
        ...{ allocations: 2, requestedBytes: 160, tracedBytes: 192, tracedWastedBytes: 32 },
        ...{ givenBytes: 256, wastedBytes: 96 },
      },
      {
        name: 'anon_vma',
        ...{ allocations: 1, requestedBytes: 96, tracedBytes: 104, tracedWastedBytes: 8 },
        ...{ givenBytes: 96, wastedBytes: 0 },
      },
    ]);
    expect(waste.total).toMatchObject({ allocations: 4, wastedBytes: 62_240, tracedWastedBytes: 62_184 });
  });

  it('adds up the same by call site', async () => {
    const text =
      kmallocLine(0, 1, { site: 'a+0x1/0x9', requested: 20 }) +
      cacheAllocLine(0, 2, 'x', { site: 'b+0x1/0x9', requested: 32 }) +
      kmallocLine(0, 3, { site: 'a+0x1/0x9', requested: 1000 }) +
      kmallocLine(0, 4, { site: '', requested: 64 }).replace('call_site= ', '');
    const { waste } = await wasteOf('t', text);
    expect(
      waste.byCaller.map(({ name, allocations, wastedBytes }) => [name, allocations, wastedBytes]),
    ).toEqual([
      ['a+0x1/0x9', 2, 36],
      ['(unknown)', 1, 0],
      ['b+0x1/0x9', 1, 0],
    ]);
  });

  it('counts what debugging adds to an object', async () => {
    const kmallocSizes = SLABS_OF_2_6_10.kmallocSizes.map(({ size }) => ({ size, bytes: size + 24 }));
    const { waste } = await wasteOf('t', kmallocLine(0, 1, { requested: 30 }), {
      ...SLABS_OF_2_6_10,
      kmallocSizes,
    });
    expect(waste.total.wastedBytes).toBe(26);
  });

  it.each([sampleTraceFile(), fixture('http.ftrace')])('has the sums of perf kmem stat: %#', async (file) => {
    const { waste, objects } = await wasteOf(file);
    expect(waste.total).toMatchObject({
      allocations: objects.allocations,
      requestedBytes: objects.requestedBytes,
      tracedBytes: objects.allocatedBytes,
      tracedWastedBytes: objects.wastedBytes,
    });
    expect(sumWaste(waste.byCache)).toEqual(waste.total);
    expect(sumWaste(waste.byCaller)).toEqual(waste.total);
    expect(waste.byCache.map(({ wastedBytes }) => wastedBytes)).toEqual(
      waste.byCache.map(({ wastedBytes }) => wastedBytes).toSorted((a, b) => b - a),
    );
  });
});

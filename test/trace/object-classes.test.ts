import { describe, expect, it } from 'vitest';

import { SLABS_OF_2_6_10 } from '../../src/trace/slab-facts.js';
import { TraceCompiler } from '../../src/trace/trace-compiler.js';
import { cacheAllocLine, collectBatches, kmallocLine } from './support.js';

/** The names of the caches that a trace needs, in the order of their numbers. */
async function cachesOf(text: string, cacheNames: string[] = []): Promise<string[]> {
  const slabs = { ...SLABS_OF_2_6_10, cacheNames };
  const batches = await collectBatches(
    new TraceCompiler('t', { cpus: 1, chunks: [Buffer.from(text)], slabs }),
  );
  return batches.at(-1)!.caches.map(({ name }) => name);
}

describe('the caches of a trace', () => {
  it('have its names, one for each', async () => {
    const text = cacheAllocLine(0, 1, 'filp') + cacheAllocLine(0, 2, 'dentry') + cacheAllocLine(0, 3, 'filp');
    expect(await cachesOf(text)).toEqual(['filp', 'dentry']);
  });

  it('have other names where the machine has caches of these, or the trace has two of one name', async () => {
    const text =
      cacheAllocLine(0, 1, 'size-32') +
      cacheAllocLine(0, 2, 'bio', { requested: 100 }) +
      cacheAllocLine(0, 3, 'bio', { requested: 200 }) +
      cacheAllocLine(0, 4, 'bio', { requested: 100 });
    expect(await cachesOf(text, ['size-32'])).toEqual(['size-32~2', 'bio', 'bio~2']);
  });

  it('have names that a kernel and a table can have', async () => {
    const long = 'x'.repeat(100);
    const text = ['two words', long, `${long}y`, 'caché'].map((name, at) => cacheAllocLine(0, at + 1, name));
    expect(await cachesOf(text.join(''))).toEqual([
      'two_words',
      'x'.repeat(63),
      `${'x'.repeat(61)}~2`,
      'cach_',
    ]);
  });

  it('are known by size where the traced kernel does not name them', async () => {
    const text = [64, 96, 64].map((requested, at) =>
      cacheAllocLine(0, at + 1, 'x', { requested }).replace('name=x ', ''),
    );
    expect(await cachesOf(text.join(''))).toEqual(['cache-64', 'cache-96']);
  });

  it('are not created for objects that no cache can have, nor for more than 512 names', async () => {
    const names = Array.from({ length: 600 }, (_, at) => cacheAllocLine(0, at + 1, `c${at}`));
    expect(
      await cachesOf(cacheAllocLine(0, 1, 'huge', { requested: 200_000 }) + names.join('')),
    ).toHaveLength(512);
  });

  it('come with the batch that needs them', async () => {
    const text = cacheAllocLine(0, 1, 'a') + kmallocLine(0, 2) + cacheAllocLine(0, 3, 'b');
    const compiler = new TraceCompiler('t', { cpus: 1, batchOperations: 1, chunks: [Buffer.from(text)] });
    const batches = await collectBatches(compiler);
    expect(batches.map(({ caches }) => caches.length)).toEqual([1, 1, 2]);
  });
});

import { describe, expect, it } from 'vitest';

import { type Exploration, explore } from '../../../dist/src/race/explore.js';
import type { Scenario } from '../../../dist/src/race/scenario.js';
import { loadInstrumented } from '../../../dist/src/race/transform/load.js';

const programs = (await loadInstrumented(new URL('./page-shadow.race.ts', import.meta.url))) as Record<
  string,
  Scenario
>;

function run(name: string): Promise<Exploration> {
  return explore(programs[name], { executions: 200 });
}

/** Kind, message and headings of the details, without what the kernel itself reported. */
async function failureOf(name: string): Promise<readonly (string | undefined)[]> {
  const { kind, message, trace } = await run(name);
  const headings = trace?.failure.details.map(({ heading }) => heading.replace(/, step \d+/, '')) ?? [];
  return relative([kind, message, ...headings]);
}

/** Page frames as P, P+1, ...: where free memory begins is the kernel's business. */
function relative(texts: readonly (string | undefined)[]): (string | undefined)[] {
  const frames = texts.flatMap((text) => text?.match(/\b0x[\da-f]+\b/g) ?? []).map(Number);
  const first = Math.min(...frames);
  return texts.map((text) =>
    text?.replaceAll(/\b0x[\da-f]+\b/g, (frame) =>
      Number(frame) === first ? 'P' : `P+${Number(frame) - first}`,
    ),
  );
}

describe('pages that are used rightly', () => {
  it.each([
    ['correct', 'by one CPU, in every way that there is'],
    ['handedOver', 'by two CPUs, one after the other'],
    ['setupAndFinal', 'in setup, by all CPUs, and in the end'],
    ['copied', 'as source and target of a copy'],
    ['ignored', 'without having been written, where that is meant'],
  ])('%s: %s', async (name) => {
    const { verdict, message } = await run(name);
    expect([verdict, message]).toEqual(['pass', undefined]);
  });
});

describe('a use after the free', () => {
  it('is told with the allocation and the free', async () => {
    expect(await failureOf('useAfterFree')).toEqual([
      'use-after-free',
      'CPU 0 writes word 3 of page P, which CPU 0 has freed',
      'page P was allocated by CPU 0',
      'page P was freed by CPU 0',
    ]);
  });

  it('shows the steps of both in the trace', async () => {
    const { trace } = await run('useAfterFree');
    const events = trace?.failure.details.map(({ step = 0 }) => trace.events[step]) ?? [];
    expect(relative(events.map(({ name }) => name))).toEqual(['page P _count', 'page P _count']);
    expect(events.map(({ after }) => after)).toEqual([1, 0]);
    expect(events.map(({ calls }) => calls.length > 1)).toEqual([true, true]);
  });

  it('is found where the free came later, but nothing made it', async () => {
    expect(await failureOf('useAfterHandOver')).toEqual([
      'use-after-free',
      'CPU 1 frees page P while CPU 0 may be using it: nothing orders the two',
      'page P was allocated by CPU 0',
      'the last use by CPU 0',
    ]);
  });

  it('is found where the page has a new owner', async () => {
    expect((await failureOf('useAfterReuse'))[0]).toBe('use-after-free');
  });

  it('can be a reference', async () => {
    expect((await failureOf('referenceToFree')).slice(0, 2)).toEqual([
      'use-after-free',
      'CPU 0 takes a reference of page P, which CPU 0 has freed',
    ]);
  });

  it('is found in setup', async () => {
    expect((await failureOf('wrongSetup')).slice(0, 2)).toEqual([
      'use-after-free',
      'setup writes byte 0 of page P, which setup has freed',
    ]);
  });
});

describe('a second free', () => {
  it.each([['freeTwice'], ['freeTwiceUnchecked'], ['freeBlockTwice'], ['freeOnBothCpus']])(
    '%s is told with the allocation and the first free',
    async (name) => {
      const [kind, , ...headings] = await failureOf(name);
      expect(kind).toBe('double-free');
      expect(headings[0]).toMatch(/was allocated/);
      expect(headings[1]).toMatch(/was freed by CPU 0$/);
    },
  );
});

describe('a step beyond', () => {
  it('the end of a block is told with the block', async () => {
    expect(await failureOf('beyondBlock')).toEqual([
      'out-of-bounds',
      'CPU 0 writes word 0 of page P+2, which nobody has allocated: it lies behind the 2 pages from P on',
      'the block of order 1 at page P was allocated by CPU 0',
    ]);
  });

  it('the end of a block by a free with too large an order', async () => {
    expect((await failureOf('freeTooMuch')).slice(0, 2)).toEqual([
      'out-of-bounds',
      'CPU 0 frees 4 pages from P on, more than were allocated there',
    ]);
  });
});

describe('a read of what was never written', () => {
  it('is told by word, if a part of it is missing', async () => {
    expect(await failureOf('uninitialised')).toEqual([
      'uninitialised',
      'CPU 0 reads word 0 of page P, which nobody has written since CPU 0 allocated it',
      'page P was allocated by CPU 0',
    ]);
  });

  it('can be a copy', async () => {
    expect((await failureOf('copiedUnwritten')).slice(0, 2)).toEqual([
      'uninitialised',
      'CPU 0 reads bytes 1024 to 1087 of page P, which nobody has written since CPU 0 allocated it',
    ]);
  });
});

describe('a leak', () => {
  it('is told with the allocation', async () => {
    expect(await failureOf('leak')).toEqual([
      'leak',
      'the 4 pages from P on, allocated by CPU 0, were not freed',
      'the block of order 2 at page P was allocated by CPU 0',
    ]);
  });

  it('can be what a free with too small an order left', async () => {
    expect((await failureOf('leakOfPart')).at(-1)).toBe(
      'the block of order 2 at page P was allocated by CPU 0; 2 of its 4 pages are left',
    );
  });
});

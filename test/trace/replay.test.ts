import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import {
  CpuDiedError,
  Machine,
  type MachineConfig,
  MachinePanicError,
  type ReplayOptions,
  replayTrace,
  sampleTraceFile,
  TraceError,
  type TraceReplay,
} from 'gfp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { useMachines } from '../support/machines.js';
import {
  allocLine,
  cacheAllocLine,
  cacheFreeLine,
  fixture,
  freeLine,
  kfreeLine,
  kmallocLine,
  livePart,
} from './support.js';

const { boot, share } = useMachines((...args) => Machine.boot(...args));
let folder: string;

function write(name: string, contents: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, contents);
  return file;
}

async function replayText(
  text: string,
  options?: ReplayOptions,
  config?: MachineConfig,
): Promise<TraceReplay> {
  return replayTrace(await share(config), write('trace', text), options);
}

async function expectWhole(machine: Machine, freePages: number): Promise<void> {
  expect((await machine.audit()).violations).toEqual([]);
  expect(await freeFrames(machine)).toBe(freePages);
}

async function freeFrames(machine: Machine): Promise<number> {
  const { frames } = await machine.audit();
  return frames.free + frames.percpu;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gfp-replay-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Small enough that the live pages of most traces do not fit. */
const SMALL: MachineConfig = { nodes: [{ memory: '16M', cpus: 2 }] };

describe('a replay', () => {
  it('runs the events of a real trace, and its counts agree with the trace', async () => {
    const machine = await share();
    const free = await freeFrames(machine);
    const replay = await replayTrace(machine, sampleTraceFile());
    expect(replay.total).toMatchObject({ allocs: 4327, failures: 0, skippedFrees: 0 });
    expect(replay.total.frees).toBe(replay.trace.pages.frees - replay.trace.pages.unmatchedFrees);
    expect(replay.total).toMatchObject({ objectAllocs: 3099, objectFailures: 0, skippedObjectFrees: 0 });
    const { objects } = replay.trace;
    expect(replay.total.objectFrees).toBe(objects.frees - objects.unmatchedFrees + 49);
    const { allocs, frees, objectAllocs, objectFrees } = replay.total;
    expect(replay.total.events).toBe(allocs + frees + objectAllocs + objectFrees);
    const { slabPages } = replay.live;
    expect(slabPages).toBeGreaterThan(100);
    expect(replay.live).toEqual({
      blocks: replay.trace.pages.liveBlocks,
      pages: replay.trace.pages.livePages,
      traceBlocks: replay.trace.pages.liveBlocks,
      tracePages: replay.trace.pages.livePages,
      failedBlocks: 0,
      missingFrees: 0,
      objects: objects.liveObjects,
      traceObjects: objects.liveObjects,
      failedObjects: 0,
      // The traced kernel does not tell what it frees in bulk.
      missingObjectFrees: 49,
      largePages: 0,
      slabPages,
      machinePages: replay.trace.pages.livePages + slabPages,
      agree: true,
    });
    expect(replay.caches).toEqual({ created: 31, failed: 0, left: 0 });
    expect(replay).toMatchObject({ leakedPages: 0, fine: true, audit: { violations: [] } });
    await expectWhole(machine, free);
  });

  it('audits the machine while the live pages of the trace are still allocated', async () => {
    const machine = await share();
    const { frames } = await machine.audit();
    const replay = await replayTrace(machine, fixture('http.ftrace'));
    expect(replay.audit.frames.allocated).toBe(frames.allocated + replay.live.machinePages);
    expect(replay.live.pages).toBeGreaterThan(0);
  });

  it('gives the same for the same events as perf script prints them', async () => {
    const machine = await share();
    const ftrace = await replayTrace(machine, fixture('http.ftrace'));
    const script = await replayTrace(machine, fixture('http.perf-script.txt'));
    expect(script.total).toEqual(ftrace.total);
    expect(livePart(script)).toEqual(livePart(ftrace));
    expect(script.trace.objects).toEqual(ftrace.trace.objects);
    expect(script.waste).toEqual(ftrace.waste);
  });

  it('gives the CPUs of the trace to the nodes in turn', async () => {
    const lines = [0, 1, 2, 3].map((cpu) => allocLine(cpu, 0x100 + cpu) + freeLine(cpu, 0x100 + cpu));
    const replay = await replayText(lines.join(''));
    expect(replay.cpus.map(({ cpu, node, events }) => [cpu, node, events])).toEqual([
      [0, 0, 2],
      [2, 1, 2],
      [1, 0, 2],
      [3, 1, 2],
    ]);
  });

  it('merges the CPUs of the trace when fewer take part', async () => {
    const lines = [0, 1, 2, 3].map((cpu) => allocLine(cpu, 0x100 + cpu));
    const replay = await replayText(lines.join(''), { cpus: 2 });
    expect(replay.cpus.map(({ cpu, allocs }) => [cpu, allocs])).toEqual([
      [0, 2],
      [2, 2],
    ]);
  });

  it('counts the nodes that memory came from', async () => {
    const replay = await replayText(allocLine(0, 1) + allocLine(1, 2, 3) + allocLine(1, 10));
    expect(replay.numa.map(({ node, numa_hit, local_node }) => [node, numa_hit, local_node])).toEqual([
      [0, 1, 1],
      [1, 2, 2],
    ]);
  });

  it('frees on another CPU what one CPU has allocated, always after that', async () => {
    const pairs = Array.from(
      { length: 20_000 },
      (_, i) => allocLine(i & 1, i + 1) + freeLine(1 - (i & 1), i + 1),
    );
    const replay = await replayText(pairs.join(''), {}, SMALL);
    expect(replay.total).toMatchObject({ allocs: 20_000, frees: 20_000, failures: 0 });
    expect(replay.cpus.map(({ allocs, frees }) => [allocs, frees])).toEqual([
      [10_000, 10_000],
      [10_000, 10_000],
    ]);
    expect(replay).toMatchObject({ fine: true, live: { blocks: 0, pages: 0 } });
  });

  it('gives the same in small batches', async () => {
    const machine = await share();
    const whole = await replayTrace(machine, sampleTraceFile());
    const pieces = await replayTrace(machine, sampleTraceFile(), { batchOperations: 500 });
    const { waits: _, ...counts } = whole.total;
    expect(pieces.total).toMatchObject(counts);
    expect(livePart(pieces)).toEqual(livePart(whole));
    expect(pieces.waste).toEqual(whole.waste);
    expect(pieces.fine).toBe(true);
  });

  it('runs the compiled trace again to measure it, without counting that', async () => {
    const machine = await share();
    const free = await freeFrames(machine);
    const replay = await replayTrace(machine, sampleTraceFile(), { again: 3 });
    expect(replay.total.allocs).toBe(4327);
    expect(replay.speed.warmPasses).toBe(3);
    expect(replay.speed.warmEventsPerSecondPerCpu).toBeGreaterThan(0);
    const pieces = await replayTrace(machine, sampleTraceFile(), { again: 3, batchOperations: 500 });
    expect(pieces.speed).toMatchObject({ warmPasses: 0, warmEventsPerSecondPerCpu: null });
    await expectWhole(machine, free);
  });

  it('tells how far it is', async () => {
    const seen: number[] = [];
    const lines = Array.from({ length: 60_000 }, (_, i) => allocLine(0, i + 1) + freeLine(0, i + 1)).join('');
    await replayText(lines, { onProgress: ({ lines: read }) => seen.push(read) });
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it('does nothing for a trace without events', async () => {
    const replay = await replayText('# nothing\n', { again: 2 });
    expect(replay.total.events).toBe(0);
    expect(replay.speed).toMatchObject({ eventsPerSecondPerCpu: 0, warmEventsPerSecondPerCpu: null });
    expect(replay.fine).toBe(true);
  });
});

describe('a replay of objects', () => {
  it('creates the caches of the trace, and destroys them at the end', async () => {
    const machine = await share();
    const names = (): string[] =>
      [...machine.cat('/proc/slabinfo').matchAll(/^(\S+) +\d/gm)].map(([, name]) => name);
    const before = names();
    expect(before).toContain('size-32');
    const lines = Array.from(
      { length: 3000 },
      (_, i) => cacheAllocLine(i & 1, i + 1, `cache ${i % 3}`) + kfreeLine(1 - (i & 1), i + 1),
    );
    // Caches also come in later batches.
    const late = cacheAllocLine(0, 1, 'late');
    const replay = await replayText(lines.join('') + late, { batchOperations: 500 });
    expect(replay.caches).toEqual({ created: 4, failed: 0, left: 0 });
    expect(replay.total).toMatchObject({ objectAllocs: 3001, objectFrees: 3000, objectFailures: 0 });
    expect(replay).toMatchObject({ live: { objects: 1 }, leakedPages: 0, fine: true });
    expect(names()).toEqual(before);
  });

  it('frees on another CPU and node what one CPU has allocated, and by another function', async () => {
    const lines = Array.from({ length: 10_000 }, (_, i) => {
      const requested = 1 + ((i * 37) % 3000);
      const cpu = i & 1;
      return i % 3 === 0
        ? kmallocLine(cpu, i + 1, { requested }) + cacheFreeLine(1 - cpu, i + 1, 'any')
        : cacheAllocLine(cpu, i + 1, 'filp', { requested: 184, allocated: 192 }) + kfreeLine(1 - cpu, i + 1);
    });
    const replay = await replayText(lines.join(''));
    expect(replay.cpus.map(({ cpu, objectAllocs }) => [cpu, objectAllocs])).toEqual([
      [0, 5000],
      [2, 5000],
      [1, 0],
      [3, 0],
    ]);
    expect(replay).toMatchObject({ live: { objects: 0, agree: true }, leakedPages: 0, fine: true });
  });

  it('wastes what the sizes of this machine waste', async () => {
    const sizes = [1, 40, 96, 100, 200, 5000];
    const text = sizes.map((requested, at) => kmallocLine(0, at + 1, { requested })).join('');
    const replay = await replayText(
      text + cacheAllocLine(0, 100, 'sk_buff', { requested: 224, allocated: 256 }),
    );
    const given = 32 + 64 + 128 + 128 + 256 + 8192 + 256;
    expect(replay.waste?.total).toMatchObject({ allocations: 7, requestedBytes: 5661, givenBytes: given });
    expect(replay.live.objects).toBe(7);
  });

  it('takes pages for what is too large for kmalloc', async () => {
    const text = kmallocLine(0, 1, { requested: 300_000 }) + kmallocLine(1, 2, { requested: 200_000 });
    const replay = await replayText(text + kfreeLine(1, 1));
    expect(replay.total).toMatchObject({ objectAllocs: 2, objectFrees: 1, allocs: 0 });
    expect(replay.live).toMatchObject({ objects: 1, largePages: 64, machinePages: 64, agree: true });
    expect(replay.fine).toBe(true);
  });

  it('can leave out the pages, or be left out itself', async () => {
    const machine = await share();
    const file = fixture('http.ftrace');
    const all = await replayTrace(machine, file);
    const pages = await replayTrace(machine, file, { events: 'pages' });
    const objects = await replayTrace(machine, file, { events: 'objects' });
    expect(pages.total.events + objects.total.events).toBe(all.total.events);
    expect(pages.live).toMatchObject({ slabPages: 0, machinePages: all.live.pages, objects: 0 });
    expect(objects.live).toMatchObject({ pages: 0, machinePages: objects.live.slabPages, blocks: 0 });
    expect(objects.live.objects).toBe(all.live.objects);
    expect([pages.waste, objects.waste]).toEqual([null, all.waste]);
    expect([pages.fine, objects.fine]).toEqual([true, true]);
  });
});

describe('a trace that does not fit', () => {
  it('has the failures of objects counted and explained', async () => {
    const sizes = Array.from({ length: 300 }, (_, at) => at + 1);
    const allocs = sizes.map((at) => kmallocLine(at & 1, at, { requested: 100_000 }));
    const frees = sizes.slice(250).map((at) => kfreeLine(0, at));
    const replay = await replayText([...allocs, ...frees].join(''), {}, SMALL);
    const { objectAllocs, objectFailures, skippedObjectFrees } = replay.total;
    expect(objectAllocs + objectFailures).toBe(300);
    expect(objectFailures).toBeGreaterThan(150);
    expect(replay.live).toMatchObject({
      traceObjects: 250,
      failedObjects: objectFailures - skippedObjectFrees,
      agree: true,
    });
    expect(replay).toMatchObject({ leakedPages: 0, fine: true });
  });

  it('has its failures counted and explained', async () => {
    // 16 blocks of 4 MiB, of which a machine of 16 MiB has at most 3.
    const blocks = Array.from({ length: 16 }, (_, i) => (i + 1) * 1024);
    const text = blocks.map((pfn) => allocLine(0, pfn, 10)).join('') + freeLine(1, blocks[15], 10);
    const replay = await replayText(text, {}, SMALL);
    const { allocs, failures, skippedFrees } = replay.total;
    expect(allocs + failures).toBe(16);
    expect(failures).toBeGreaterThanOrEqual(13);
    expect(skippedFrees).toBe(1);
    expect(replay.live).toMatchObject({
      blocks: allocs,
      traceBlocks: 15,
      failedBlocks: failures - 1,
      agree: true,
    });
    expect(replay.fine).toBe(true);
  });

  it('has orders that no kernel of 2.6.24 can give among its failures', async () => {
    const replay = await replayText(allocLine(0, 0x8000, 15) + freeLine(0, 0x8000, 15));
    expect(replay.total).toMatchObject({ allocs: 0, failures: 1, skippedFrees: 1 });
    expect(replay.fine).toBe(true);
  });
});

describe('a trace with gaps', () => {
  it('may free what it has not allocated, and allocate again what it has not freed', async () => {
    const replay = await replayText(freeLine(0, 7) + allocLine(0, 8) + allocLine(1, 8) + freeLine(1, 8));
    expect(replay.total).toMatchObject({ allocs: 2, frees: 1 });
    expect(replay.trace.pages).toMatchObject({ unmatchedFrees: 1, missingFrees: 1 });
    expect(replay.live).toMatchObject({
      blocks: 1,
      traceBlocks: 0,
      missingFrees: 1,
      machinePages: 1,
      agree: true,
    });
    expect(replay).toMatchObject({ leakedPages: 0, fine: true });
  });
});

describe('a trace that cannot be read', () => {
  it('is refused with the line, and what was allocated so far is released', async () => {
    const machine = await share();
    const free = await freeFrames(machine);
    const good = Array.from({ length: 500 }, (_, i) => {
      return allocLine(i & 1, i + 1) + cacheAllocLine(i & 1, i + 1, 'cache');
    }).join('');
    const file = write('broken', `${good}what is this?\n`);
    const error: unknown = await replayTrace(machine, file, { batchOperations: 100 }).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(TraceError);
    expect((error as TraceError).details).toMatchObject({ problem: 'broken-line', line: 1001 });
    await expectWhole(machine, free);
    expect((await replayTrace(machine, fixture('http.ftrace'))).fine).toBe(true);
  });

  it('is refused when its gzip data end early', async () => {
    const packed = gzipSync(readFileSync(fixture('http.ftrace')));
    const file = write('cut.gz', packed.subarray(0, packed.length - 100));
    const machine = await share();
    await expect(replayTrace(machine, file)).rejects.toMatchObject({
      details: { problem: 'truncated-gzip' },
    });
  });

  it('is refused when there is none', async () => {
    const machine = await share();
    await expect(replayTrace(machine, join(folder, 'none'))).rejects.toThrow(TraceError);
  });
});

describe('CPUs', () => {
  it('must be online, as many as are wanted', async () => {
    const machine = await share();
    await machine.cpu(2).offline();
    await expect(replayTrace(machine, sampleTraceFile(), { cpus: 4 })).rejects.toThrow(
      'cpus is 4; it must be an integer from 1 to 3',
    );
    const replay = await replayTrace(machine, sampleTraceFile());
    expect(replay.cpus.map(({ cpu }) => cpu)).toEqual([0, 3, 1]);
    expect(replay.fine).toBe(true);
    await machine.cpu(2).online();
  });

  it('that die end the replay on all others', async () => {
    const machine = await boot();
    // Long enough for the fault to come in the middle; every page crosses, so no CPU can go on alone.
    const pairs = Array.from(
      { length: 60_000 },
      (_, i) => allocLine(i & 1, i + 1) + freeLine(1 - (i & 1), i + 1),
    );
    const file = write('long', pairs.join(''));
    let killed = false;
    const replay = replayTrace(machine, file, {
      batchOperations: 1000,
      onProgress: () => {
        if (killed) return;
        killed = true;
        void machine.cpu(2).kill();
      },
    });
    const error: unknown = await replay.catch((reason: unknown) => reason);
    // A CPU that died with a lock takes the machine along.
    if (!(error instanceof MachinePanicError)) {
      expect(error).toBeInstanceOf(CpuDiedError);
      expect(error).toMatchObject({ cpu: 2 });
      expect((await machine.audit()).violations).toEqual([]);
    }
  });
});

import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';

import { EventKind, KmemEvent } from '../../src/trace/kmem-event.js';
import { KmemStatistics } from '../../src/trace/kmem-statistics.js';
import { sampleTraceFile } from '../../src/trace/sample-trace.js';
import { TraceCompiler } from '../../src/trace/trace-compiler.js';

interface Step {
  kind: EventKind;
  key: number;
  order: number;
  bytes: number;
  waste: number;
}

function add(statistics: KmemStatistics, step: Step): void {
  const event = new KmemEvent();
  event.kind = step.kind;
  event.key = step.key;
  event.order = step.order;
  event.bytesRequested = step.bytes;
  event.bytesAllocated = step.bytes + step.waste;
  statistics.add(event);
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}

/** The same rules, said again: looks back from every event at those before it. */
function expectedTotals(steps: readonly Step[]) {
  const of = (kind: EventKind) => steps.filter((step) => step.kind === kind);
  /** For each step, the allocation of the same key that is live just before it. */
  const liveBefore = steps.map((step, at) => {
    const isObject = step.kind === EventKind.objectAlloc || step.kind === EventKind.objectFree;
    const alloc = isObject ? EventKind.objectAlloc : EventKind.pageAlloc;
    const free = isObject ? EventKind.objectFree : EventKind.pageFree;
    const last = steps
      .slice(0, at)
      .findLast(({ key, kind }) => key !== 0 && key === step.key && (kind === alloc || kind === free));
    return last?.kind === alloc ? last : undefined;
  });
  const with_ = (kind: EventKind) =>
    steps.map((step, at) => ({ step, live: liveBefore[at] })).filter(({ step }) => step.kind === kind);
  const lastOf = (alloc: EventKind, free: EventKind) => {
    const keys = new Set(steps.filter(({ kind }) => kind === alloc || kind === free).map(({ key }) => key));
    keys.delete(0);
    const last = [...keys].map((wanted) =>
      steps.findLast(({ key, kind }) => key === wanted && (kind === alloc || kind === free)),
    );
    return last.filter((step) => step?.kind === alloc).map((step) => step!);
  };
  const requestedBytes = sum(of(EventKind.objectAlloc).map(({ bytes }) => bytes));
  const wastedBytes = sum(of(EventKind.objectAlloc).map(({ waste }) => waste));
  const objectFrees = with_(EventKind.objectFree).filter(({ step }) => step.key !== 0);
  const pageFrees = with_(EventKind.pageFree);
  const liveBlocks = lastOf(EventKind.pageAlloc, EventKind.pageFree);
  return {
    objects: {
      allocations: of(EventKind.objectAlloc).length,
      failures: of(EventKind.objectAlloc).filter(({ key }) => key === 0).length,
      frees: objectFrees.length,
      nullFrees: of(EventKind.objectFree).length - objectFrees.length,
      unmatchedFrees: objectFrees.filter(({ live }) => live === undefined).length,
      missingFrees: with_(EventKind.objectAlloc).filter(({ live }) => live !== undefined).length,
      requestedBytes,
      allocatedBytes: requestedBytes + wastedBytes,
      freedBytes: sum(objectFrees.map(({ live }) => (live === undefined ? 0 : live.bytes + live.waste))),
      wastedBytes,
      wastedPercent: wastedBytes === 0 ? 0 : (wastedBytes / (requestedBytes + wastedBytes)) * 100,
      liveObjects: lastOf(EventKind.objectAlloc, EventKind.objectFree).length,
    },
    pages: {
      allocations: of(EventKind.pageAlloc).length,
      failures: of(EventKind.pageAlloc).filter(({ key }) => key === 0).length,
      allocatedPages: sum(
        of(EventKind.pageAlloc)
          .filter(({ key }) => key !== 0)
          .map(({ order }) => 2 ** order),
      ),
      frees: pageFrees.length,
      unmatchedFrees: pageFrees.filter(({ live }) => live === undefined).length,
      repeatedFrees: of(EventKind.pageFreeRepeated).length,
      missingFrees: with_(EventKind.pageAlloc).filter(({ live }) => live !== undefined).length,
      splitFrees: pageFrees.filter(({ step, live }) => live !== undefined && live.order !== step.order)
        .length,
      liveBlocks: liveBlocks.length,
      livePages: sum(liveBlocks.map(({ order }) => 2 ** order)),
    },
  };
}

const step = fc.record({
  kind: fc.constantFrom(
    EventKind.pageAlloc,
    EventKind.pageFree,
    EventKind.pageFreeRepeated,
    EventKind.objectAlloc,
    EventKind.objectFree,
  ),
  key: fc.nat({ max: 6 }),
  order: fc.nat({ max: 3 }),
  bytes: fc.nat({ max: 5000 }),
  waste: fc.nat({ max: 64 }),
});

describe('the statistics of a trace', () => {
  test.prop([fc.array(step, { maxLength: 120 })])('are those of a simple model', (steps) => {
    const statistics = new KmemStatistics();
    for (const one of steps) add(statistics, one);
    expect(statistics.totals()).toEqual(expectedTotals(steps));
  });

  it('of the sample trace are what they are', async () => {
    const compiler = new TraceCompiler(sampleTraceFile(), { cpus: 2 });
    for await (const batch of compiler.batches()) expect(batch.operations).toBeGreaterThan(0);
    const summary = compiler.summary();
    expect(summary).toMatchObject({
      lines: 26_012,
      events: 26_000,
      cpus: 2,
      lostEvents: 0,
      unknownFlags: [],
    });
    expect(summary.kmemEvents).toContainEqual({ name: 'mm_page_alloc', count: 4327 });
    expect(summary.otherEvents).toContainEqual({ name: 'percpu_free_percpu', count: 32 });
    expect(summary.objects).toMatchObject({ requestedBytes: 2_987_428, allocatedBytes: 3_000_424 });
    expect(summary.objects).toMatchObject({ freedBytes: 2_746_808, wastedBytes: 12_996, liveObjects: 1275 });
    expect(summary.pages).toMatchObject({ allocations: 4327, frees: 7243, unmatchedFrees: 3430 });
    expect(summary.pages).toMatchObject({ liveBlocks: 514, livePages: 581, failures: 0 });
  });
});

import { fileURLToPath } from 'node:url';

import { EventKind, type KmemEvent } from '../../src/trace/kmem-event.js';
import { type ProgramBatch } from '../../src/trace/program.js';
import { type TraceCompiler } from '../../src/trace/trace-compiler.js';
import { TraceReader } from '../../src/trace/trace-reader.js';

/** The name of a file in test/fixtures/trace. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/trace/${name}`, import.meta.url));
}

/** A copy of an event, with only the fields that its kind has. */
export interface EventCopy {
  kind: EventKind;
  cpu: number;
  key?: number;
  order?: number;
  gfp?: number;
  requested?: number;
  allocated?: number;
}

export function copyEvent(event: KmemEvent): EventCopy {
  const { kind, cpu, key, order, gfp } = event;
  switch (kind) {
    case EventKind.pageAlloc:
      return { kind, cpu, key, order, gfp };
    case EventKind.pageFree:
      return { kind, cpu, key, order };
    case EventKind.objectAlloc:
      return { kind, cpu, key, gfp, requested: event.bytesRequested, allocated: event.bytesAllocated };
    case EventKind.objectFree:
      return { kind, cpu, key };
    default:
      return { kind, cpu };
  }
}

/** Everything a reader gives for a file, or for pieces of text or bytes. */
export async function readAll(file: string, pieces?: Iterable<string | Uint8Array>) {
  const chunks = pieces === undefined ? undefined : toChunks(pieces);
  const reader = new TraceReader(file, chunks);
  const events: EventCopy[] = [];
  while (await reader.nextBlock()) {
    while (reader.nextEvent()) events.push(copyEvent(reader.event));
  }
  return { events, totals: reader.totals() };
}

/** All batches of a trace at once. */
export async function collectBatches(compiler: TraceCompiler): Promise<ProgramBatch[]> {
  const batches: ProgramBatch[] = [];
  for await (const batch of compiler.batches()) batches.push(batch);
  return batches;
}

function* toChunks(pieces: Iterable<string | Uint8Array>): Generator<Uint8Array> {
  for (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
}

/** A page allocation as ftrace prints it. */
export function allocLine(cpu: number, pfn: number, order = 0, flags = 'GFP_KERNEL'): string {
  const fields = `page=0000000000000000 pfn=0x${pfn.toString(16)} order=${order} migratetype=0 gfp_flags=${flags}`;
  return `            task-1       [00${cpu}] .....     1.000000: mm_page_alloc: ${fields}\n`;
}

/** A page free as ftrace prints it. */
export function freeLine(cpu: number, pfn: number, order = 0): string {
  const fields = `page=0000000000000000 pfn=0x${pfn.toString(16)} order=${order}`;
  return `            task-1       [00${cpu}] .....     1.000000: mm_page_free: ${fields}\n`;
}

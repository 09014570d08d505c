import { fileURLToPath } from 'node:url';

import { ANY_NODE, EventKind, type KmemEvent, NO_TEXT } from '../../src/trace/kmem-event.js';
import { type ProgramBatch } from '../../src/trace/program.js';
import { type LiveAtEnd, type TraceReplay } from '../../src/trace/replay-result.js';
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
  /** The names of the cache and the call site, and the node, where there are such. */
  cache?: string;
  site?: string;
  node?: number;
}

export function copyEvent(event: KmemEvent, reader: TraceReader): EventCopy {
  const { kind, cpu, key, order, gfp, cache, site, node } = event;
  switch (kind) {
    case EventKind.pageAlloc:
      return { kind, cpu, key, order, gfp };
    case EventKind.pageFree:
      return { kind, cpu, key, order };
    case EventKind.objectAlloc:
    case EventKind.cacheAlloc:
      return {
        ...{ kind, cpu, key, gfp, requested: event.bytesRequested, allocated: event.bytesAllocated },
        ...(cache === NO_TEXT ? {} : { cache: reader.caches.text(cache) }),
        ...(site === NO_TEXT ? {} : { site: reader.sites.text(site) }),
        ...(node === ANY_NODE ? {} : { node }),
      };
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
    while (reader.nextEvent()) events.push(copyEvent(reader.event, reader));
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

/** What is live at the end of a replay, but for free objects that caches keep: how many is a matter of timing. */
export function livePart({ live }: TraceReplay): Omit<LiveAtEnd, 'slabPages' | 'machinePages'> {
  const { slabPages: _slabs, machinePages: _pages, ...part } = live;
  return part;
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

/** What an allocation of an object says besides its address; the defaults are those of the traced kernel's own. */
export interface ObjectFields {
  site?: string;
  requested?: number;
  allocated?: number;
  flags?: string;
  node?: number;
}

function objectLine(cpu: number, fields: string): string {
  return `            task-1       [00${cpu}] .....     1.000000: ${fields}\n`;
}

function sizes({
  requested = 100,
  allocated = requested,
  flags = 'GFP_KERNEL',
  node = -1,
}: ObjectFields): string {
  return `bytes_req=${requested} bytes_alloc=${allocated} gfp_flags=${flags} node=${node} accounted=false`;
}

function pointer(address: number): string {
  return `ptr=ffff8881${address.toString(16).padStart(8, '0')}`;
}

/** A kmalloc as ftrace prints it; the address has up to 32 bits. */
export function kmallocLine(cpu: number, address: number, fields: ObjectFields = {}): string {
  const { site = 'caller+0x10/0x80' } = fields;
  return objectLine(cpu, `kmalloc: call_site=${site} ${pointer(address)} ${sizes(fields)}`);
}

/** A kmem_cache_alloc as ftrace prints it. */
export function cacheAllocLine(
  cpu: number,
  address: number,
  name: string,
  fields: ObjectFields = {},
): string {
  const { site = 'caller+0x10/0x80' } = fields;
  return objectLine(
    cpu,
    `kmem_cache_alloc: call_site=${site} ${pointer(address)} name=${name} ${sizes(fields)}`,
  );
}

/** A kfree as ftrace prints it. */
export function kfreeLine(cpu: number, address: number): string {
  return objectLine(cpu, `kfree: call_site=caller+0x20/0x80 ${pointer(address)}`);
}

/** A kmem_cache_free as ftrace prints it. */
export function cacheFreeLine(cpu: number, address: number, name: string): string {
  return objectLine(cpu, `kmem_cache_free: call_site=caller+0x20/0x80 ${pointer(address)} name=${name}`);
}

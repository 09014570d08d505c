import type { Hardware } from '../../src/arch/hardware.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { frameWord } from '../../src/kernel/mm/address.js';
import {
  __GFP_COMP,
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_HIGHMEM,
  __GFP_MOVABLE,
  __GFP_THISNODE,
  __GFP_ZERO,
  GFP_THISNODE,
} from '../../src/kernel/mm/gfp.js';
import { MPOL_BIND, MPOL_INTERLEAVE, MPOL_PREFERRED } from '../../src/kernel/mm/mempolicy.js';
import { PER_CPU_PAGES, PER_CPU_PAGESET, ZONE } from '../../src/kernel/mm/zone.js';
import type { LoneMachine } from '../support/boot-in-process.js';
import { freeBlocks, type Numastat, pcpOf, zoneByLabel } from '../support/zones.js';

/**
 * A page allocator as simple as can be: the set of frames in use. It knows nothing of buddies, lists and reserves; it
 * checks every answer of the real one against what it must not be, and keeps its own books.
 */

const PAGE = 4096;
const NAMES = ['DMA', 'DMA32', 'Normal', 'HighMem', 'Movable'];

export interface Block {
  readonly pfn: number;
  readonly order: number;
  readonly compound: boolean;
  /** References; the block is free when they are gone. */
  refs: number;
  readonly tag: number;
}

/** A request: what was asked for, by whom. */
export interface Request {
  readonly k: Kernel;
  readonly mask: number;
  readonly order: number;
  /** The node for `alloc_pages_node`; undefined for requests by policy. */
  readonly nid: number | undefined;
}

interface Policy {
  readonly mode: number;
  readonly nodes: readonly number[];
  next: number;
}

export class ReferenceAllocator {
  readonly blocks: Block[] = [];
  readonly stats: Numastat[];
  readonly #machine: LoneMachine;
  readonly #hardware: Hardware;
  /** Frames that were free after boot, by zone label. */
  readonly #usable = new Map<string, Set<number>>();
  readonly #used = new Set<number>();
  readonly #policies = new Map<number, Policy>();
  #tags = 0;

  /** @param machine with all page lists drained */
  constructor(machine: LoneMachine) {
    this.#machine = machine;
    this.#hardware = machine.hardware;
    this.stats = machine.hardware.distances.map(() => ({
      hit: 0,
      miss: 0,
      foreign: 0,
      interleave: 0,
      local: 0,
      other: 0,
    }));
    for (const label of this.#labels()) {
      const frames = new Set<number>();
      for (const { pfn, order } of freeBlocks(machine.k, zoneByLabel(machine.k, label))) {
        for (let i = 0; i < 2 ** order; i++) frames.add(pfn + i);
      }
      this.#usable.set(label, frames);
    }
  }

  /** The zone of a frame, worked out from the firmware's tables. */
  labelOf(pfn: number): string {
    const at = pfn * PAGE;
    const range = this.#hardware.memory.find(({ start, end }) => at >= start && at < end);
    if (range === undefined) return 'no memory';
    return `${range.node}:${NAMES[this.#zoneType(at)]}`;
  }

  #zoneType(at: number): number {
    const { arch, zoneLimits } = this.#hardware;
    if (at < zoneLimits.dma) return 0;
    if (arch === 'x86_64' && at < zoneLimits.dma32) return 1;
    return at < zoneLimits.lowmem ? 2 : 3;
  }

  /** Every zone with memory. */
  #labels(): string[] {
    const labels = new Set<string>();
    for (const { start, end } of this.#hardware.memory) {
      for (let at = start; at < end; at += 256 * PAGE) labels.add(this.labelOf(at / PAGE));
      labels.add(this.labelOf(end / PAGE - 1));
    }
    return [...labels];
  }

  /** Follows a change of a CPU's memory policy. */
  setPolicy(cpu: number, mode: number, nodes: readonly number[]): void {
    this.#policies.set(cpu, { mode, nodes, next: Math.min(...nodes) });
  }

  /** The zones that may serve a request, best first; and whether it was dealt out by interleaving. */
  #route(request: Request): { zones: string[]; interleaved: boolean } {
    const { k, mask } = request;
    const highest = highestZone(mask);
    const policy = this.#policies.get(k.cpu);
    const thisNode = (mask & __GFP_THISNODE) !== 0;
    if (request.nid !== undefined || policy === undefined || thisNode) {
      const nid = request.nid === undefined || request.nid < 0 ? k.node : request.nid;
      return { zones: this.#zonelist(nid, highest, thisNode), interleaved: false };
    }
    if (policy.mode === MPOL_BIND) {
      const top = Math.max(...this.#labels().map((label) => typeOf(label)));
      if (highest < top) return { zones: this.#zonelist(k.node, highest, false), interleaved: false };
      const zones = this.#labels().filter((label) => policy.nodes.includes(nodeOf(label)));
      zones.sort((a, b) => typeOf(b) - typeOf(a) || nodeOf(a) - nodeOf(b));
      return { zones: zones.filter((label) => typeOf(label) <= highest), interleaved: false };
    }
    if (policy.mode === MPOL_INTERLEAVE) {
      const nid = policy.next;
      const later = policy.nodes.filter((node) => node > nid);
      policy.next = Math.min(...(later.length > 0 ? later : policy.nodes));
      return { zones: this.#zonelist(nid, highest, false), interleaved: true };
    }
    const nid = policy.mode === MPOL_PREFERRED ? policy.nodes[0] : k.node;
    return { zones: this.#zonelist(nid, highest, false), interleaved: false };
  }

  /** Distances must all be different from a node, so that the order needs no further rule. */
  #zonelist(nid: number, highest: number, thisNode: boolean): string[] {
    const zones = this.#labels().filter(
      (label) => typeOf(label) <= highest && (!thisNode || nodeOf(label) === nid),
    );
    const distance = (label: string): number => this.#hardware.distances[nid][nodeOf(label)];
    const byZone = this.#hardware.numaZonelistOrder === 'zone';
    return zones.sort((a, b) => {
      const near = distance(a) - distance(b);
      const high = typeOf(b) - typeOf(a);
      return byZone ? high || near : near || high;
    });
  }

  /** Checks the answer to a request, and writes into the block when there is one. */
  answered(request: Request, pfn: number): Block | undefined {
    const { zones, interleaved } = this.#route(request);
    if (pfn === 0) {
      this.#checkRefusal(request, zones);
      return undefined;
    }
    const label = this.labelOf(pfn);
    this.#checkBlock(request, pfn, label, zones);
    this.#count(request, label, zones[0], interleaved);
    const compound = (request.mask & __GFP_COMP) !== 0 && request.order > 0;
    const block = { pfn, order: request.order, compound, refs: 1, tag: ++this.#tags };
    for (let i = 0; i < 2 ** block.order; i++) {
      this.#used.add(pfn + i);
      const start = frameWord(request.k, pfn + i);
      if ((request.mask & __GFP_ZERO) !== 0) this.#checkZero(request.k, start);
      request.k.i32[start] = block.tag;
      request.k.i32[start + 1023] = pfn + i;
    }
    this.blocks.push(block);
    return block;
  }

  #checkBlock(request: Request, pfn: number, label: string, zones: readonly string[]): void {
    const { k, order } = request;
    const what = `block ${pfn}/${order} for mask 0x${request.mask.toString(16)}`;
    if (pfn % 2 ** order !== 0) throw new Error(`${what}: not aligned`);
    if (!zones.includes(label)) throw new Error(`${what}: from ${label}, allowed are ${zones.join()}`);
    for (let i = pfn; i < pfn + 2 ** order; i++) {
      if (this.#used.has(i)) throw new Error(`${what}: frame ${i} is in use`);
      if (this.#usable.get(label)?.has(i) !== true) throw new Error(`${what}: frame ${i} was never free`);
    }
    if (k.page_count(pfn) !== 1) throw new Error(`${what}: count ${k.page_count(pfn)}`);
    if (label !== zones[0] && order === 0 && this.#free(zones[0]) > this.#mark(zones[0], zones[0], 'high')) {
      throw new Error(`${what}: from ${label} though ${zones[0]} has plenty`);
    }
  }

  #checkZero(k: Kernel, start: number): void {
    for (let i = start; i < start + 1024; i++) if (k.i32[i] !== 0) throw new Error(`word ${i} is not zero`);
  }

  /** A single page may be refused only when every zone that may serve it is down to its mark. */
  #checkRefusal(request: Request, zones: readonly string[]): void {
    if (request.order > 0) return;
    const depth = (request.mask & GFP_THISNODE) === GFP_THISNODE ? 'low' : 'min';
    for (const label of zones) {
      if (this.#free(label) <= this.#mark(label, zones[0], depth)) continue;
      throw new Error(
        `refused mask 0x${request.mask.toString(16)} though ${label} has ${this.#free(label)} pages`,
      );
    }
  }

  /** Frames of a zone that nobody uses; those on page lists of CPUs count. */
  #free(label: string): number {
    let free = this.#usable.get(label)?.size ?? 0;
    for (const pfn of this.#used) if (this.labelOf(pfn) === label) free--;
    return free;
  }

  /** What a zone may keep: its mark and reserve, what page lists hold, and what statistics lag. */
  #mark(label: string, first: string, depth: 'min' | 'low' | 'high'): number {
    const { k, cpus } = this.#machine;
    const zone = zoneByLabel(k, label);
    let mark = k.i32[zone + ZONE.at[`pages_${depth}`]] + k.i32[zone + ZONE.at.lowmem_reserve + typeOf(first)];
    for (const { cpu } of cpus) {
      for (const list of [0, 1]) mark += k.i32[pcpOf(k, zone, cpu, list) + PER_CPU_PAGES.at.count];
      mark += k.i32[k.i32[zone + ZONE.at.pageset + cpu] + PER_CPU_PAGESET.at.stat_threshold];
    }
    return mark;
  }

  #count(request: Request, label: string, first: string, interleaved: boolean): void {
    const [got, wanted] = [nodeOf(label), nodeOf(first)];
    const add = (nid: number, field: keyof Numastat): void => {
      this.stats[nid] = { ...this.stats[nid], [field]: this.stats[nid][field] + 1 };
    };
    add(got, got === wanted ? 'hit' : 'miss');
    if (got !== wanted) add(wanted, 'foreign');
    add(got, got === request.k.node ? 'local' : 'other');
    if (interleaved && label === first) add(wanted, 'interleave');
  }

  /** Checks what the block holds, before a reference to it is dropped. */
  verify(k: Kernel, block: Block): void {
    for (let i = 0; i < 2 ** block.order; i++) {
      const start = frameWord(k, block.pfn + i);
      if (k.i32[start] !== block.tag || k.i32[start + 1023] !== block.pfn + i) {
        throw new Error(`somebody wrote into frame ${block.pfn + i} of block ${block.pfn}/${block.order}`);
      }
    }
    if (k.page_count(block.pfn) !== block.refs) throw new Error(`block ${block.pfn}: wrong count`);
  }

  /** Follows a dropped reference. */
  dropped(block: Block): void {
    block.refs--;
    if (block.refs > 0) return;
    this.blocks.splice(this.blocks.indexOf(block), 1);
    for (let i = 0; i < 2 ** block.order; i++) this.#used.delete(block.pfn + i);
  }
}

const nodeOf = (label: string): number => Number(label.slice(0, label.indexOf(':')));
const typeOf = (label: string): number => NAMES.indexOf(label.slice(label.indexOf(':') + 1));

function highestZone(mask: number): number {
  if ((mask & __GFP_DMA) !== 0) return 0;
  if ((mask & __GFP_DMA32) !== 0) return 1;
  if ((mask & __GFP_HIGHMEM) === 0) return 2;
  return (mask & __GFP_MOVABLE) === 0 ? 3 : 4;
}

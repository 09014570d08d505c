import { describe, expect, test } from 'vitest';
import { ZONE_NORMAL } from '../../../src/arch/address-space.js';
import { FIRMWARE_START } from '../../../src/arch/hardware.js';
import { SECTION_PAGES_SHIFT } from '../../../src/arch/page.js';
import { CPU_AREA, CPU_DEAD, CPU_OFFLINE } from '../../../src/kernel/core/cpu-area.js';
import { setCpuState } from '../../../src/kernel/core/cpu-mask.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import { describeViolation } from '../../../src/kernel/debug/audit-describe.js';
import type { ViolationKind } from '../../../src/kernel/debug/audit-violation.js';
import { Kernel } from '../../../src/kernel/kernel.js';
import { __GFP_COMP, GFP_KERNEL, MIGRATE_ISOLATE } from '../../../src/kernel/mm/gfp.js';
import { list_add } from '../../../src/kernel/core/list.js';
import { PAGE_OWNER } from '../../../src/kernel/mm/page-owner.js';
import { PG_buddy, PG_dirty, PG_reserved, PG_TAIL_BITS } from '../../../src/kernel/mm/page.js';
import {
  FREE_AREA,
  freeArea,
  NODE_DATA,
  NR_FREE_PAGES,
  PCP_HOT,
  PER_CPU_PAGES,
  PER_CPU_PAGESET,
  PG_DATA,
  populatedZones,
  ZONE,
  zoneOf,
} from '../../../src/kernel/mm/zone.js';
import { ZONELIST } from '../../../src/kernel/mm/zonelist.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../../support/boot-in-process.js';
import { debug } from '../../support/hardware.js';
import { pcpList, pcpOf } from '../../support/zones.js';
import { field, freeBlock, kinds, putFree, sentences, takeFree } from './audit-kinds.js';

/** A machine with some of everything: free blocks, page lists, allocated blocks, compound pages. */
interface Scene {
  readonly machine: LoneMachine;
  readonly k: Kernel;
  readonly i32: Int32Array;
  /** The highest zone of node 0. */
  readonly zone: number;
  /** Frames of that zone: a single page, a block of order 3, a compound page of order 3. */
  readonly single: number;
  readonly block: number;
  readonly compound: number;
  /** A CPU without pages of that zone in its lists, and one with some; the first of them. */
  readonly idle: number;
  readonly busy: number;
  readonly listed: number;
}

const MIB = 1024 ** 2;

/** Zones large enough for page lists that hold pages. */
const HARDWARE = twoNodes(64);

function scene(hardware = HARDWARE): Scene {
  const machine = bootInProcess(hardware);
  const { k, cpus } = machine;
  for (const cpu of cpus) cpu.drain_local_pages();
  const zone = populatedZones(k).findLast((z) => k.i32[z + ZONE.at.node] === 0)!;
  const single = k.alloc_pages_node(0, GFP_KERNEL, 0);
  const block = k.alloc_pages_node(0, GFP_KERNEL, 3);
  const compound = k.alloc_pages_node(0, GFP_KERNEL | __GFP_COMP, 3);
  cpus[1].__free_page(cpus[1].alloc_pages_node(0, GFP_KERNEL, 0));
  cpus[1].__free_page(cpus[1].alloc_pages_node(1, GFP_KERNEL, 0));
  const listed = pcpList(k, zone, 1, PCP_HOT)[0];
  expect([single, block, compound, listed].every((pfn) => pfn > 0)).toBe(true);
  expect(sentences(k)).toEqual([]);
  return { machine, k, i32: k.i32, zone, single, block, compound, idle: 2, busy: 1, listed };
}

/** A way to break a machine, and the one kind of violation that shows it. */
interface Damage {
  readonly what: string;
  readonly kind: ViolationKind;
  readonly damage: (s: Scene) => void;
}

function setWord(i32: Int32Array, word: number, value: number): void {
  i32[word] = value;
}

/** A free block with others of its list around it would depend on luck: three single frames that cannot merge. */
function threeFree(s: Scene): number[] {
  const { k, zone } = s;
  const { pfn, type } = freeBlock(k, zone, 9);
  takeFree(k, zone, pfn, 9);
  for (let f = pfn; f < pfn + 512; f++) k.i32[field(k, f, '_count')] = 1;
  // The counters of allocations do not know of it.
  k.f64[(k.area + CPU_AREA.at.pgfree) / 2] -= 512 - 3;
  const frames = [pfn + 1, pfn + 5, pfn + 9];
  for (const frame of frames) putFree(k, zone, frame, 0, type);
  expect(sentences(k)).toEqual([]);
  return frames;
}

const FRAMES: Damage[] = [
  {
    what: 'a page without reference in no list',
    kind: 'lost',
    damage: (s) => setWord(s.i32, field(s.k, s.single, '_count'), 0),
  },
  {
    what: 'a free block that left its list',
    kind: 'lost',
    damage: (s) => takeFree(s.k, s.zone, freeBlock(s.k, s.zone, 5).pfn, 5),
  },
  {
    what: 'the rest of a block that was freed with too small an order',
    kind: 'lost',
    damage: (s) => s.k.__free_pages(s.block, 1),
  },
  {
    what: 'a free page with a reference',
    kind: 'twice',
    damage: (s) => setWord(s.i32, field(s.k, freeBlock(s.k, s.zone, 5).pfn + 3, '_count'), 1),
  },
  {
    what: 'a listed page with a reference',
    kind: 'twice',
    damage: (s) => setWord(s.i32, field(s.k, s.listed, '_count'), 1),
  },
  {
    what: 'a free block inside another one',
    kind: 'twice',
    damage: (s) => {
      const { pfn, type } = freeBlock(s.k, s.zone, 5);
      putFree(s.k, s.zone, pfn + 2, 0, type);
    },
  },
  {
    what: 'a listed page that is in a free block too',
    kind: 'twice',
    damage: ({ k, i32, zone }) => {
      const { pfn } = freeBlock(k, zone, 5);
      const pcp = pcpOf(k, zone, 1, PCP_HOT);
      list_add(i32, field(k, pfn + 2, 'lru'), pcp + PER_CPU_PAGES.at.list);
      i32[pcp + PER_CPU_PAGES.at.count]++;
    },
  },
  {
    what: 'a negative reference count',
    kind: 'page-count',
    damage: (s) => setWord(s.i32, field(s.k, s.single, '_count'), -1),
  },
  {
    what: 'a mapped page in a free block',
    kind: 'free-state',
    damage: (s) => setWord(s.i32, field(s.k, freeBlock(s.k, s.zone, 5).pfn + 3, '_mapcount'), 0),
  },
  {
    what: 'a listed page with a mapping',
    kind: 'free-state',
    damage: (s) => setWord(s.i32, field(s.k, s.listed, 'mapping'), 77),
  },
  {
    what: 'a dirty free page',
    kind: 'free-state',
    damage: (s) => (s.i32[field(s.k, freeBlock(s.k, s.zone, 5).pfn, 'flags')] |= 1 << PG_dirty),
  },
  {
    what: 'a free page with less than no reference',
    kind: 'free-state',
    damage: (s) => setWord(s.i32, field(s.k, freeBlock(s.k, s.zone, 5).pfn, '_count'), -1),
  },
  {
    what: 'PG_buddy inside a free block',
    kind: 'stray-buddy',
    damage: (s) => (s.i32[field(s.k, freeBlock(s.k, s.zone, 5).pfn + 4, 'flags')] |= 1 << PG_buddy),
  },
  {
    what: 'PG_buddy in an allocated page',
    kind: 'stray-buddy',
    damage: (s) => (s.i32[field(s.k, s.single, 'flags')] |= 1 << PG_buddy),
  },
  {
    what: 'PG_buddy inside an allocated block',
    kind: 'stray-buddy',
    damage: (s) => (s.i32[field(s.k, s.block + 5, 'flags')] |= 1 << PG_buddy),
  },
  {
    what: 'PG_buddy in a listed page',
    kind: 'stray-buddy',
    damage: (s) => (s.i32[field(s.k, s.listed, 'flags')] |= 1 << PG_buddy),
  },
  {
    what: 'a free block that is in no list',
    kind: 'stray-buddy',
    damage: (s) => {
      const { pfn } = freeBlock(s.k, s.zone, 5);
      takeFree(s.k, s.zone, pfn, 5);
      s.i32[field(s.k, pfn, 'flags')] |= 1 << PG_buddy;
      s.i32[field(s.k, pfn, 'private')] = 5;
    },
  },
  {
    what: 'the zone bits of a page',
    kind: 'page-zone',
    damage: (s) => (s.i32[field(s.k, s.single, 'flags')] ^= 1 << 23),
  },
  {
    what: 'the node bits of a hole',
    kind: 'page-zone',
    damage: (s) => (s.i32[field(s.k, 0xa5, 'flags')] ^= 1 << 26),
  },
  {
    what: 'a reserved page in a free block',
    kind: 'reserved-free',
    damage: (s) => (s.i32[field(s.k, freeBlock(s.k, s.zone, 5).pfn + 1, 'flags')] |= 1 << PG_reserved),
  },
  {
    what: 'a hole that is not reserved',
    kind: 'hole-in-use',
    damage: (s) => (s.i32[field(s.k, 0xa5, 'flags')] &= ~(1 << PG_reserved)),
  },
];

const BLOCKS: Damage[] = [
  {
    what: 'a free block without PG_buddy',
    kind: 'free-block',
    damage: (s) => (s.i32[field(s.k, freeBlock(s.k, s.zone, 5).pfn, 'flags')] &= ~(1 << PG_buddy)),
  },
  ...[-1, 4, 6, 11, 1e9].map((order) => ({
    what: `a free block of order 5 that says ${order}`,
    kind: 'free-block' as const,
    damage: (s: Scene) => setWord(s.i32, field(s.k, freeBlock(s.k, s.zone, 5).pfn, 'private'), order),
  })),
  {
    what: 'a free block that is not aligned',
    kind: 'free-block',
    damage: (s) => {
      const [frame] = threeFree(s);
      takeFree(s.k, s.zone, frame, 0);
      putFree(s.k, s.zone, frame, 1, 0);
    },
  },
  {
    what: 'a free block in the list of isolated ones',
    kind: 'free-block',
    damage: (s) => {
      const { pfn } = freeBlock(s.k, s.zone, 5);
      takeFree(s.k, s.zone, pfn, 5);
      putFree(s.k, s.zone, pfn, 5, MIGRATE_ISOLATE);
    },
  },
  {
    what: 'two buddies',
    kind: 'unmerged',
    damage: (s) => {
      const { pfn, type } = freeBlock(s.k, s.zone, 5);
      takeFree(s.k, s.zone, pfn, 5);
      putFree(s.k, s.zone, pfn, 4, type);
      putFree(s.k, s.zone, pfn + 16, 4, type);
    },
  },
  {
    what: 'nr_free of an order',
    kind: 'nr-free',
    damage: (s) => s.i32[freeArea(s.zone, 5) + FREE_AREA.at.nr_free]++,
  },
  {
    what: 'NR_FREE_PAGES of a zone',
    kind: 'free-pages',
    damage: (s) => s.i32[s.zone + ZONE.at.vm_stat + NR_FREE_PAGES]--,
  },
  {
    what: 'NR_FREE_PAGES of a CPU',
    kind: 'free-pages',
    damage: (s) =>
      s.i32[s.i32[s.zone + ZONE.at.pageset + s.idle] + PER_CPU_PAGESET.at.vm_stat_diff + NR_FREE_PAGES]++,
  },
];

function entry(s: Scene, pfn: number): number {
  return field(s.k, pfn, 'lru');
}

function headOf(s: Scene): number {
  return pcpOf(s.k, s.zone, 1, PCP_HOT) + PER_CPU_PAGES.at.list;
}

/** Values that no link of the list has: into nothing, into other structures, into its own middle. */
const WRONG_LINKS: readonly [string, (s: Scene, frames: readonly number[]) => number][] = [
  ['NULL', () => 0],
  ['a negative number', () => -5],
  ['beyond the memory', (s) => s.i32.length + 3],
  ['the largest number', () => 0x7fffffff],
  ['another field of a page', (s, frames) => entry(s, frames[1]) + 1],
  ['itself', (s, frames) => entry(s, frames[1])],
  ['the entry before', (s, frames) => entry(s, frames[0])],
  ['the entry behind', (s, frames) => entry(s, frames[2])],
  ['an allocated page', (s) => entry(s, s.single)],
  ['a page of a list of a CPU', (s) => entry(s, s.listed)],
  ['the head of a list of a CPU', headOf],
  ['the head of its own list', (s, frames) => s.i32[entry(s, frames[0]) + 1]],
  ['a zone of another node', (s) => zoneOf(s.k, 1, ZONE_NORMAL)],
];

const LINKS: Damage[] = WRONG_LINKS.flatMap(([what, value]) =>
  [0, 1].map((link) => ({
    what: `the ${link === 0 ? 'next' : 'prev'} link of a free block to ${what}`,
    kind: 'list-broken' as const,
    damage: (s: Scene) => {
      const frames = listOrder(threeFree(s));
      const wrong = value(s, frames);
      if (s.i32[entry(s, frames[1]) + link] === wrong) throw new Error('this changes nothing');
      s.i32[entry(s, frames[1]) + link] = wrong;
    },
  })),
).filter(
  // These are the right ones.
  ({ what }) => !/next link.*entry behind|prev link.*entry before/.test(what),
);

/** Frames in the order of their list: the last one that came is the first. */
function listOrder(frames: readonly number[]): number[] {
  return frames.toReversed();
}

const HEADS: Damage[] = [0, 1].map((link) => ({
  what: `the ${link === 0 ? 'next' : 'prev'} link of the head of a CPU's list`,
  kind: 'list-broken' as const,
  damage: (s: Scene) => setWord(s.i32, headOf(s) + link, headOf(s)),
}));

const PAGE_SETS: Damage[] = [
  {
    what: 'the count of a page list',
    kind: 'pcp-count',
    damage: (s) => s.i32[pcpOf(s.k, s.zone, 1, PCP_HOT) + PER_CPU_PAGES.at.count]++,
  },
  {
    what: 'a page list above its limit',
    kind: 'pcp-limit',
    damage: (s) => {
      const pcp = pcpOf(s.k, s.zone, 1, PCP_HOT);
      s.i32[pcp + PER_CPU_PAGES.at.high] = -3 * s.i32[pcp + PER_CPU_PAGES.at.batch];
    },
  },
  {
    what: 'a listed page without migrate type',
    kind: 'pcp-type',
    damage: (s) => setWord(s.i32, field(s.k, s.listed, 'private'), 5),
  },
  ...[CPU_OFFLINE, CPU_DEAD].map((state) => ({
    what: `page lists of a CPU in state ${state}`,
    kind: 'offline-pageset' as const,
    damage: (s: Scene) => setCpuState(s.k, s.busy, state),
  })),
  {
    what: 'statistics of a CPU that is away',
    kind: 'offline-pageset',
    damage: (s) => {
      setCpuState(s.k, s.idle, CPU_OFFLINE);
      s.i32[s.i32[s.zone + ZONE.at.pageset + s.idle] + PER_CPU_PAGESET.at.vm_stat_diff + 3] = 1;
    },
  },
  {
    what: 'a statistic above the threshold',
    kind: 'stat-diff',
    damage: (s) => {
      const set = s.i32[s.zone + ZONE.at.pageset + s.idle];
      const more = s.i32[set + PER_CPU_PAGESET.at.stat_threshold] + 1;
      s.i32[set + PER_CPU_PAGESET.at.vm_stat_diff + 5] = more;
    },
  },
  {
    what: 'an impossible threshold',
    kind: 'stat-diff',
    damage: (s) =>
      setWord(s.i32, s.i32[s.zone + ZONE.at.pageset + s.idle] + PER_CPU_PAGESET.at.stat_threshold, -1),
  },
  {
    what: 'a negative statistic',
    kind: 'stat-negative',
    damage: (s) => setWord(s.i32, s.zone + ZONE.at.vm_stat + 7, -1),
  },
  {
    what: 'NUMA misses that are foreign to nobody',
    kind: 'numa-sums',
    damage: (s) => s.k.f64[(s.i32[s.zone + ZONE.at.pageset] + PER_CPU_PAGESET.at.miss_local) / 2]++,
  },
  ...[NaN, -1, 0.5, Infinity].map((value) => ({
    what: `a counter of ${value}`,
    kind: 'counter' as const,
    damage: (s: Scene) => (s.k.f64[(s.k.area + CPU_AREA.at.pgfree) / 2] = value),
  })),
  {
    what: 'a page that was freed and is not free',
    kind: 'page-events',
    damage: (s) => s.k.f64[(s.k.area + CPU_AREA.at.pgfree) / 2]++,
  },
  {
    what: 'the page set of another CPU',
    kind: 'structure',
    damage: (s) => (s.i32[s.zone + ZONE.at.pageset + s.idle] = s.i32[s.zone + ZONE.at.pageset + 3]),
  },
  {
    what: 'a page set nowhere',
    kind: 'structure',
    damage: (s) => setWord(s.i32, s.zone + ZONE.at.pageset + s.idle, -64),
  },
  {
    what: 'a page set of another zone',
    kind: 'structure',
    damage: (s) => s.i32[s.i32[s.zone + ZONE.at.pageset + s.idle] + PER_CPU_PAGESET.at.zone]++,
  },
  {
    what: 'page sets that a CPU finds elsewhere',
    kind: 'structure',
    damage: (s) => {
      const sets = s.k.area + CPU_AREA.at.page_sets;
      const id = s.i32.subarray(sets).findIndex((set) => set !== 0);
      s.i32[sets + id] = 0;
    },
  },
  {
    what: 'preferred page sets that the zonelists do not prefer',
    kind: 'structure',
    damage: (s) => s.i32[s.k.area + CPU_AREA.at.preferred_sets]++,
  },
];

const CPUS: Damage[] = [
  {
    what: 'a page in transit',
    kind: 'in-transit',
    damage: (s) => setWord(s.i32, s.k.area + CPU_AREA.at.pageInTransit, s.single),
  },
  {
    what: 'a zone lock',
    kind: 'lock-held',
    damage: (s) => setWord(s.i32, s.zone + ZONE.at.lock, 2),
  },
  { what: 'the log lock', kind: 'lock-held', damage: (s) => setWord(s.i32, KERNEL.logbuf_lock, 1) },
  ...(['locks_held', 'preempt_count', 'irqs_disabled'] as const).map((name) => ({
    what: name,
    kind: 'cpu-context' as const,
    damage: (s: Scene) => setWord(s.i32, s.k.area + CPU_AREA.at[name], 1),
  })),
  { what: 'the online map', kind: 'cpu-state', damage: (s) => (s.i32[KERNEL.cpu_online_map] &= ~4) },
  {
    what: 'the state of a CPU',
    kind: 'cpu-state',
    damage: (s) => setWord(s.i32, s.i32[KERNEL.cpu_area + 2] + CPU_AREA.at.state, 7),
  },
  { what: 'a call', kind: 'call-pending', damage: (s) => setWord(s.i32, KERNEL.call_awaited, 1) },
  {
    what: 'a call to a CPU',
    kind: 'call-pending',
    damage: (s) => setWord(s.i32, s.k.area + CPU_AREA.at.call_todo, 4),
  },
  { what: 'a CPU area', kind: 'structure', damage: (s) => setWord(s.i32, KERNEL.cpu_area + 2, 17) },
];

const COMPOUND: Damage[] = [
  ...[-1, 0, 1, 2, 4, 11].map((order) => ({
    what: `a compound page of order 3 that says ${order}`,
    kind: 'compound' as const,
    damage: (s: Scene) => setWord(s.i32, field(s.k, s.compound + 1, 'lru') + 1, order),
  })),
  {
    what: 'a tail with another head',
    kind: 'compound',
    damage: (s) => setWord(s.i32, field(s.k, s.compound + 5, 'private'), s.single),
  },
  {
    what: 'a tail that is none',
    kind: 'compound',
    damage: (s) => (s.i32[field(s.k, s.compound + 5, 'flags')] &= ~PG_TAIL_BITS),
  },
  {
    what: 'a tail without a head',
    kind: 'compound',
    damage: (s) => (s.i32[field(s.k, s.single, 'flags')] |= PG_TAIL_BITS),
  },
];

const ZONES: Damage[] = [
  {
    what: 'the low watermark',
    kind: 'watermark',
    damage: (s) => (s.i32[s.zone + ZONE.at.pages_low] = s.i32[s.zone + ZONE.at.pages_high] + 1),
  },
  {
    what: 'the sum of the high watermarks',
    kind: 'total',
    damage: (s) => s.i32[KERNEL.totalreserve_pages]++,
  },
  { what: 'the sum of all pages', kind: 'total', damage: (s) => s.i32[KERNEL.vm_total_pages]-- },
  {
    what: 'a reserve for a higher zone',
    kind: 'lowmem-reserve',
    damage: (s) => s.i32[zoneOf(s.k, 0, 0) + ZONE.at.lowmem_reserve + 2]++,
  },
  {
    what: 'a reserve for a lower zone',
    kind: 'lowmem-reserve',
    damage: (s) => s.i32[zoneOf(s.k, 1, 2) + ZONE.at.lowmem_reserve]++,
  },
  {
    what: 'a pageblock',
    kind: 'pageblock',
    damage: (s) => setWord(s.i32, s.i32[zoneOf(s.k, 0, 0) + ZONE.at.pageblock_types] + 1, 5),
  },
  ...(['type', 'node', 'present_pages', 'mem_map', 'nr_pageblocks'] as const).map((name) => ({
    what: name,
    kind: 'zone-field' as const,
    damage: (s: Scene) => s.i32[s.zone + ZONE.at[name]]++,
  })),
  {
    what: 'a table of pageblocks nowhere',
    kind: 'structure',
    damage: (s) => setWord(s.i32, s.zone + ZONE.at.pageblock_types, -1e9),
  },
  ...(['node_id', 'node_start_pfn', 'node_spanned_pages', 'node_present_pages', 'node_mem_map'] as const).map(
    (name) => ({
      what: name,
      kind: 'node-field' as const,
      damage: (s: Scene) => (s.i32[NODE_DATA(s.k, 1) + PG_DATA.at[name]] += 8),
    }),
  ),
  { what: 'the zone table', kind: 'zone-table', damage: (s) => s.i32[KERNEL.zone_table + 1]++ },
  {
    what: 'the memory map of a section',
    kind: 'section',
    damage: (s) => setWord(s.i32, KERNEL.section_mem_map + 1, 0),
  },
  {
    what: 'the memory of a section',
    kind: 'section',
    damage: (s) => (s.i32[KERNEL.section_memory + 1] += 8),
  },
  {
    what: 'the memory of a section that is none',
    kind: 'section',
    damage: (s) => setWord(s.i32, KERNEL.section_memory + 4000, 0),
  },
  ...(['max_pfn', 'nr_cpus', 'nr_nodes', 'pageblock_order'] as const).flatMap((name) =>
    [-1, 0, 0x7fffffff].map((value) => ({
      what: `${name} ${value}`,
      kind: 'structure' as const,
      damage: (s: Scene) => setWord(s.i32, KERNEL[name], value),
    })),
  ),
  {
    what: 'the firmware tables',
    kind: 'structure',
    damage: (s) => (s.machine.image.u8[FIRMWARE_START] = 0),
  },
];

function fallbackList(s: Scene): number {
  return s.i32[NODE_DATA(s.k, 1) + PG_DATA.at.node_zonelists + ZONE_NORMAL] + ZONELIST.at.zones;
}

const ZONELISTS: Damage[] = [
  { what: 'a missing zone', kind: 'zonelist', damage: (s) => setWord(s.i32, fallbackList(s) + 1, 0) },
  {
    what: 'a zone twice',
    kind: 'zonelist',
    damage: (s) => (s.i32[fallbackList(s) + 1] = s.i32[fallbackList(s)]),
  },
  { what: 'no zone', kind: 'zonelist', damage: (s) => s.i32[fallbackList(s) + 1]++ },
  {
    what: 'a zone without pages',
    kind: 'zonelist',
    damage: (s) => setWord(s.i32, fallbackList(s) + 1, zoneOf(s.k, 1, 4)),
  },
  {
    what: 'no end',
    kind: 'zonelist',
    damage: (s) => s.i32.fill(s.zone, fallbackList(s), fallbackList(s) + 11),
  },
  {
    what: 'no list',
    kind: 'zonelist',
    damage: (s) => setWord(s.i32, NODE_DATA(s.k, 1) + PG_DATA.at.node_zonelists + 3, 0),
  },
];

const TABLES = { FRAMES, BLOCKS, LINKS, HEADS, PAGE_SETS, CPUS, COMPOUND, ZONES, ZONELISTS };

describe('a rule that is broken by hand is found, and nothing else', () => {
  for (const [name, table] of Object.entries(TABLES)) {
    test.each(table)(`${name}: $what is $kind`, ({ kind, damage }) => {
      const s = scene();
      damage(s);
      const { violations } = audit(s.k);
      expect(kinds(violations), violations.map(describeViolation).join('\n')).toEqual([kind]);
    });
  }
});

describe('a zone that is not where it should be', () => {
  test.each([-1, 0, 16384 + 5, 0x7fffffff])('begins at %i', (start) => {
    const s = scene();
    s.i32[zoneOf(s.k, 0, 1) + ZONE.at.zone_start_pfn] = start;
    expect(kinds(audit(s.k).violations)).toEqual(['zone-span']);
  });

  test('leaves RAM out', () => {
    const s = scene();
    s.i32[zoneOf(s.k, 1, 1) + ZONE.at.spanned_pages] -= 1024;
    expect(kinds(audit(s.k).violations)).toContain('zone-coverage');
  });

  test('has a free block that reaches beyond its end', () => {
    const memory = HARDWARE.memory.with(-1, { ...HARDWARE.memory[2], end: 128 * MIB - 3 * 4096 });
    const { k, cpus } = bootInProcess({ ...HARDWARE, memory });
    for (const cpu of cpus) cpu.drain_local_pages();
    const zone = zoneOf(k, 1, 1);
    const last = k.i32[KERNEL.max_pfn] - 1;
    takeFree(k, zone, last, 0);
    putFree(k, zone, last, 2, 0);
    expect(audit(k).violations).toMatchObject([{ kind: 'free-block', frame: last, problem: 'span' }]);
  });
});

describe('with debug.pageOwner', () => {
  function owned(): Scene {
    return scene({ ...HARDWARE, debug: debug('pageOwner') });
  }

  function record(s: Scene, pfn: number): number {
    return s.i32[KERNEL.section_owner + (pfn >>> SECTION_PAGES_SHIFT)] + pfn * PAGE_OWNER.words;
  }

  test('a violation of a frame says who allocated that', () => {
    const s = owned();
    s.i32[field(s.k, s.single, '_count')] = 0;
    const { violations } = audit(s.k);
    expect(kinds(violations)).toEqual(['lost']);
    expect(describeViolation(violations[0])).toMatch(
      /is lost.*\nlast allocated on CPU#0, mask 0x[0-9a-f]+, at:\n.*scene/s,
    );
  });

  test('a frame inside a block that was handed out again is in two places', () => {
    const s = owned();
    s.i32[record(s, s.block + 2)] = 2;
    expect(sentences(s.k).join()).toContain('is in two places: in the allocated block of order 3');
    expect(kinds(audit(s.k).violations)).toEqual(['twice']);
  });

  test('a free frame of a block that was not freed is in two places', () => {
    const s = owned();
    s.i32[record(s, freeBlock(s.k, s.zone, 5).pfn + 4)] = 3;
    expect(kinds(audit(s.k).violations)).toEqual(['twice']);
  });

  test('the rest of a block that was freed with too small an order is lost, also when it looks like a block', () => {
    const s = owned();
    s.k.__free_pages(s.block, 2);
    expect(s.k.alloc_pages_node(0, GFP_KERNEL, 2)).toBe(s.block);
    const { violations } = audit(s.k);
    expect(violations).toMatchObject([4, 5, 6, 7].map((i) => ({ kind: 'lost', frame: s.block + i })));
  });

  test.each([-1, 12, 1e6])('order %i is impossible in a record', (order) => {
    const s = owned();
    s.i32[record(s, s.single)] = order;
    expect(kinds(audit(s.k).violations)).toEqual(['owner-record']);
  });

  test.each([0, -1, 0x7fffffff])('a record with trace %i has no text', (trace) => {
    const s = owned();
    s.i32[record(s, s.single) + PAGE_OWNER.at.trace] = trace;
    s.i32[field(s.k, s.single, '_count')] = 0;
    expect(audit(s.k).violations[0]).not.toHaveProperty('owner');
  });
});

describe('the report', () => {
  test('keeps as many violations of a kind as it is told, and counts the others', () => {
    const s = scene();
    const { pfn } = freeBlock(s.k, s.zone, 5);
    for (let i = 0; i < 32; i++) s.i32[field(s.k, pfn + i, '_mapcount')] = 5;
    s.i32[KERNEL.logbuf_lock] = 1;
    const { violations, omitted } = audit(s.k, { limit: 3 });
    expect(violations.map(({ kind }) => kind)).toEqual([
      'free-state',
      'free-state',
      'free-state',
      'lock-held',
    ]);
    expect(omitted).toEqual({ 'free-state': 29 });
  });

  test('counts every frame of a sound machine once', () => {
    const s = scene();
    const { frames, zones, checked } = audit(s.k);
    expect(frames.free + frames.percpu + frames.allocated + frames.reserved + frames.hole).toBe(frames.total);
    expect(frames).toMatchObject({ total: 32768, hole: 96, allocated: 17 });
    expect(zones.map(({ node, zone, total }) => [node, zone, total])).toEqual([
      [0, 'DMA', 4096],
      [0, 'DMA32', 12288],
      [1, 'DMA32', 16384],
    ]);
    expect(zones.reduce((sum, { percpu }) => sum + percpu, 0)).toBe(frames.percpu);
    expect(checked).toMatchObject({ nodes: 2, zones: 3, cpus: 4, frames: 32768 });
  });

  test('is plain data', () => {
    const s = scene();
    s.i32[field(s.k, s.single, '_count')] = 0;
    const report = audit(s.k);
    expect(structuredClone(report)).toEqual(report);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  test('is the same for the console, which has no page sets', () => {
    const s = scene();
    const console = new Kernel(s.machine.image, s.machine.cpus.length, s.machine.platform);
    expect(audit(console)).toEqual(audit(s.k));
  });
});

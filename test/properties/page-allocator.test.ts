import { fc, test as propertyTest } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { Hardware } from '../../src/arch/hardware.js';
import { audit } from '../../src/kernel/debug/audit.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import {
  __GFP_COLD,
  __GFP_COMP,
  __GFP_HIGH,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_REPEAT,
  __GFP_THISNODE,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_DMA32,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOFS,
  GFP_NOWAIT,
  GFP_TEMPORARY,
  GFP_THISNODE,
  GFP_USER,
} from '../../src/kernel/mm/gfp.js';
import { MPOL_BIND, MPOL_DEFAULT, MPOL_INTERLEAVE, MPOL_PREFERRED } from '../../src/kernel/mm/mempolicy.js';
import { refresh_cpu_vm_stats } from '../../src/kernel/mm/vmstat-refresh.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../support/boot-in-process.js';
import { debug, lowRanges, mib, x64Nodes, x86Zones } from '../support/hardware.js';
import { drainAll, freeMemory, freeMemoryFaults, numastat } from '../support/zones.js';
import { type Block, ReferenceAllocator } from './reference-allocator.js';

/** Any sequence of operations, on machines of every kind, against a reference that only knows sets of frames. */

const MASKS = [
  GFP_KERNEL,
  GFP_ATOMIC,
  GFP_NOWAIT,
  GFP_NOFS,
  GFP_USER,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_TEMPORARY,
  GFP_KERNEL | GFP_DMA,
  GFP_KERNEL | GFP_DMA32,
  GFP_KERNEL | __GFP_ZERO,
  GFP_KERNEL | __GFP_COMP,
  GFP_HIGHUSER | __GFP_COMP | __GFP_ZERO,
  GFP_ATOMIC | __GFP_COLD,
  GFP_KERNEL | __GFP_THISNODE,
  GFP_KERNEL | GFP_THISNODE,
  GFP_KERNEL | __GFP_HIGH,
  GFP_KERNEL | __GFP_REPEAT,
  GFP_KERNEL | __GFP_NORETRY | __GFP_COLD,
];

/** How pages are asked for; the first is by node, the others by policy. */
type Way = 'node' | 'current' | 'address' | 'zeroed';
/** How a reference is dropped. */
type Drop = 'pages' | 'put' | 'address' | 'hot' | 'cold';

type Operation =
  | { readonly op: 'alloc'; way: Way; cpu: number; mask: number; order: number; nid: number; count: number }
  | { readonly op: 'drop'; drop: Drop; cpu: number; which: number; count: number }
  | { readonly op: 'get'; cpu: number; which: number }
  | { readonly op: 'policy'; cpu: number; mode: number; nodes: number }
  | { readonly op: 'drain'; cpu: number }
  | { readonly op: 'tick'; cpu: number }
  | { readonly op: 'later'; milliseconds: number };

const cpu = fc.nat(7);
const small = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.nat(4) },
  { weight: 1, arbitrary: fc.nat(11) },
);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('alloc' as const),
      way: fc.constantFrom<Way>('node', 'node', 'current', 'current', 'address', 'zeroed'),
      cpu,
      mask: fc.constantFrom(...MASKS),
      order: small,
      nid: fc.integer({ min: -1, max: 5 }),
      count: fc.oneof(fc.constant(1), fc.nat(40), fc.nat(900)),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('drop' as const),
      drop: fc.constantFrom<Drop>('pages', 'put', 'address', 'hot', 'cold'),
      cpu,
      which: fc.nat(10 ** 6),
      count: fc.oneof(fc.constant(1), fc.nat(40), fc.nat(900)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('get' as const), cpu, which: fc.nat(10 ** 6) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('policy' as const),
      cpu,
      mode: fc.constantFrom(MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE),
      nodes: fc.integer({ min: 1, max: 7 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('drain' as const), cpu }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('tick' as const), cpu }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('later' as const), milliseconds: fc.nat(1500) }) },
);

/** A machine and its reference, side by side. */
class Pair {
  readonly machine: LoneMachine;
  readonly reference: ReferenceAllocator;
  readonly #before: string;

  constructor(hardware: Hardware) {
    this.machine = bootInProcess(hardware);
    drainAll(this.machine.cpus);
    this.#before = freeMemory(this.machine.k);
    this.reference = new ReferenceAllocator(this.machine);
  }

  cpu(number: number): Kernel {
    return this.machine.cpus[number % this.machine.cpus.length];
  }

  run(operation: Operation): void {
    const { hardware, platform } = this.machine;
    if (operation.op === 'later') {
      platform.time += operation.milliseconds;
      return;
    }
    const k = this.cpu(operation.cpu);
    switch (operation.op) {
      case 'drain':
        k.drain_local_pages();
        break;
      case 'tick':
        refresh_cpu_vm_stats(k);
        break;
      case 'policy':
        this.#setPolicy(k, operation.mode, operation.nodes % 2 ** hardware.nodes || 1);
        break;
      case 'get':
        this.#get(k, operation.which);
        break;
      case 'drop':
        for (let i = 0; i <= operation.count; i++) this.#drop(k, operation.drop, operation.which + i * 7);
        break;
      case 'alloc': {
        const nid = operation.nid < 0 ? -1 : operation.nid % hardware.nodes;
        const times = Math.max(1, operation.count >> operation.order);
        const mask = operation.mask | __GFP_NOWARN;
        for (let i = 0; i < times; i++) if (!this.#alloc(k, operation.way, mask, operation.order, nid)) break;
        break;
      }
    }
  }

  #alloc(k: Kernel, way: Way, wanted: number, order: number, nid: number): boolean {
    let mask = wanted;
    let pfn: number;
    if (way === 'node') pfn = k.alloc_pages_node(nid, mask, order);
    else if (way === 'current') pfn = k.alloc_pages(mask, order);
    else {
      // What has an address only.
      mask = (mask & ~(GFP_HIGHUSER_MOVABLE ^ GFP_USER)) | (way === 'zeroed' ? __GFP_ZERO : 0);
      const asked = way === 'zeroed' ? 0 : order;
      const address = way === 'zeroed' ? k.get_zeroed_page(mask) : k.__get_free_pages(mask, asked);
      pfn = address === 0 ? 0 : k.virt_to_page(address);
      return this.reference.answered({ k, mask, order: asked, nid: undefined }, pfn) !== undefined;
    }
    if (order > 10) expect(pfn).toBe(0);
    const request = { k, mask, order, nid: way === 'node' ? nid : undefined };
    return this.reference.answered(request, pfn) !== undefined;
  }

  #drop(k: Kernel, drop: Drop, which: number): void {
    const { blocks } = this.reference;
    if (blocks.length === 0) return;
    const block = blocks[which % blocks.length];
    this.reference.verify(k, block);
    this.#dropAs(k, drop, block);
    this.reference.dropped(block);
  }

  #dropAs(k: Kernel, drop: Drop, block: Block): void {
    const { pfn, order, compound } = block;
    const single = order === 0;
    if (drop === 'put' && (single || compound)) k.put_page(pfn + (2 ** order - 1));
    else if (drop === 'hot' && single) k.free_hot_page(pfn);
    else if (drop === 'cold' && single) k.free_cold_page(pfn);
    else if (drop === 'address' && k.page_address(pfn) !== 0) k.free_pages(k.page_address(pfn), order);
    else k.__free_pages(pfn, order);
  }

  #get(k: Kernel, which: number): void {
    const { blocks } = this.reference;
    if (blocks.length === 0) return;
    const block = blocks[which % blocks.length];
    k.get_page(block.compound ? block.pfn + 1 : block.pfn);
    block.refs++;
  }

  #setPolicy(k: Kernel, mode: number, bits: number): void {
    const all = this.machine.hardware.distances.map((_, nid) => nid).filter((nid) => (bits >> nid) & 1);
    const nodes = mode === MPOL_DEFAULT ? [] : mode === MPOL_PREFERRED ? all.slice(0, 1) : all;
    expect(k.set_mempolicy(mode, nodes)).toBe(0);
    this.reference.setPolicy(k.cpu, mode, nodes);
  }

  /** What must hold at any time. */
  check(): void {
    const { k, platform } = this.machine;
    expect(platform.reports).toEqual([]);
    expect(freeMemoryFaults(k)).toEqual([]);
    expect(this.reference.stats).toEqual(this.reference.stats.map((_, nid) => numastat(k, nid)));
    expect(audit(k).violations).toEqual([]);
  }

  /** Gives everything back: then all is as after boot. */
  finish(): void {
    this.check();
    for (let i = 0; this.reference.blocks.length > 0; i++) this.#drop(this.cpu(i), 'pages', i * 31);
    drainAll(this.machine.cpus);
    expect(freeMemory(this.machine.k)).toBe(this.#before);
    this.check();
  }
}

const ASYMMETRIC = [
  [10, 17, 25],
  [28, 10, 15],
  [14, 22, 10],
];

const MACHINES: [string, Hardware][] = [
  [
    'two nodes, node order',
    x64Nodes(2, 16, 4, 8, { numaZonelistOrder: 'node', debug: debug('vm', 'sleep') }),
  ],
  [
    'three nodes at asymmetric distances, zone order',
    x64Nodes(3, 12, 4, 8, { numaZonelistOrder: 'zone', distances: ASYMMETRIC, debug: debug('vm') }),
  ],
  ['one node with high memory', x86Zones(4, 6, 10, { numaZonelistOrder: 'zone', debug: debug('vm') })],
  ['a machine too small for grouping', x86Zones(4, 4, 4, { numaZonelistOrder: 'node', debug: debug('vm') })],
  [
    'nodes that alternate in memory',
    twoNodes(8, {
      memory: [...lowRanges(8), mib(1, 8, 16), mib(0, 20, 28), mib(1, 28, 31)],
      zoneLimits: { dma: 4 * 1024 ** 2, dma32: 24 * 1024 ** 2, lowmem: 2 ** 36 },
      numaZonelistOrder: 'node',
      debug: debug('vm'),
    }),
  ],
  [
    'with the page owner',
    x64Nodes(2, 12, 4, 4, { numaZonelistOrder: 'node', debug: debug('vm', 'pageOwner') }),
  ],
  // Lists of 15 pages a batch and more.
  [
    'a large node and a small one',
    x64Nodes(2, 16, 16, 32, {
      memory: [...lowRanges(288), mib(1, 288, 304)],
      numaZonelistOrder: 'zone',
      debug: debug('vm'),
    }),
  ],
];

/** Sequences tried on each machine; `PROPERTY_RUNS` in the environment asks for more. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 20);

describe('any operations leave the memory in order, and everything comes back', () => {
  for (const [name, hardware] of MACHINES) {
    propertyTest.prop([fc.array(operation, { maxLength: 60, size: 'max' })], {
      numRuns: name.includes('owner') ? 4 : RUNS,
    })(name, (operations) => {
      const pair = new Pair(hardware);
      for (const operation of operations) pair.run(operation);
      pair.finish();
    });
  }
});

import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { Hardware } from '../../../src/arch/hardware.js';
import type { Cpu } from '../../../src/kernel/core/cpu.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { writeFile } from '../../../src/kernel/fs/write-file.js';
import { GFP_ATOMIC, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { NODE_DATA, PG_DATA } from '../../../src/kernel/mm/zone.js';
import { cache_reap } from '../../../src/kernel/slab/reap.js';
import { SLAB_HWCACHE_ALIGN, SLAB_RECLAIM_ACCOUNT } from '../../../src/kernel/slab/slab-flags.js';
import { type LoneMachine, twoNodes } from '../../support/boot-in-process.js';
import { debug, x86Zones } from '../../support/hardware.js';
import { faults, nodeOf, slabMachine, slabRow } from './slab-scene.js';

/** Caches, from small objects to such that are larger than a page. */
const SIZES = [24, 200, 700, 1100, 5000] as const;

function node_present_pages(k: Cpu, nid: number): number {
  return k.i32[NODE_DATA(k, nid) + PG_DATA.at.node_present_pages];
}

/** An object that the model knows is out. */
interface Held {
  readonly object: number;
  readonly cache: number;
  readonly size: number;
  readonly mark: number;
}

/** A machine, and what must be so. */
class Model {
  readonly machine: LoneMachine;
  readonly caches: readonly number[];
  readonly held: Held[] = [];
  #marks = 0;

  constructor(hardware?: Hardware) {
    this.machine = slabMachine(hardware);
    const { k } = this.machine;
    this.caches = SIZES.map((size, i) =>
      k.kmem_cache_create(
        `model-${size}`,
        size,
        0,
        i % 2 === 0 ? 0 : SLAB_HWCACHE_ALIGN | SLAB_RECLAIM_ACCOUNT,
      ),
    );
  }

  cpu(number: number): Kernel {
    return this.machine.cpus[number % this.machine.cpus.length];
  }

  allocate(cpu: number, which: number, node: number): void {
    const k = this.cpu(cpu);
    const cache = this.caches[which % this.caches.length];
    const size = SIZES[which % this.caches.length];
    const object =
      node < 0
        ? k.kmem_cache_alloc(cache, GFP_ATOMIC)
        : k.kmem_cache_alloc_node(cache, GFP_KERNEL, node % k.i32[KERNEL.nr_nodes]);
    if (object === 0) throw new Error('the machine has enough memory');
    const wanted = node < 0 ? k.node : node % k.i32[KERNEL.nr_nodes];
    // Memory of another node, where the node has none.
    if (node_present_pages(k, wanted) > 0) expect(nodeOf(k, object)).toBe(wanted);
    const mark = ++this.#marks;
    k.write32(object, mark);
    k.write32(object + Math.floor(size / 4) * 4 - 4, ~mark);
    this.held.push({ object, cache, size, mark });
  }

  free(cpu: number, which: number): void {
    if (this.held.length === 0) return;
    const [{ object, cache, size, mark }] = this.held.splice(which % this.held.length, 1);
    const k = this.cpu(cpu);
    // Nobody else was given the object.
    expect([k.read32(object) | 0, k.read32(object + Math.floor(size / 4) * 4 - 4) | 0]).toEqual([
      mark,
      ~mark,
    ]);
    k.kmem_cache_free(cache, object);
  }

  reap(cpu: number): void {
    this.machine.platform.time += 1500;
    cache_reap(this.cpu(cpu));
  }

  /** On CPU 0, which is never idle here: it would not answer another one that wants its array emptied. */
  shrink(which: number): void {
    const cache = this.caches[which % this.caches.length];
    const isOut = this.held.some((held) => held.cache === cache);
    expect(this.cpu(0).kmem_cache_shrink(cache)).toBe(isOut ? 1 : 0);
  }

  tune(which: number, limit: number): void {
    const { k } = this.machine;
    const name = `model-${SIZES[which % SIZES.length]}`;
    writeFile(
      k.as(k.i32[KERNEL.nr_cpus]),
      '/proc/slabinfo',
      `${name} ${limit} ${Math.ceil(limit / 2)} ${limit % 9}`,
    );
  }

  check(): void {
    const { k } = this.machine;
    expect(faults(k)).toEqual([]);
    for (let i = 0; i < SIZES.length; i++) {
      const row = slabRow(k, `model-${SIZES[i]}`);
      const out = this.held.filter((held) => held.cache === this.caches[i]).length;
      expect(row.activeObjects).toBeGreaterThanOrEqual(out);
      expect(row.objects).toBe(row.slabs * row.perSlab);
    }
  }

  end(): void {
    const { k } = this.machine;
    while (this.held.length > 0) this.free(this.held.length, 0);
    for (const cache of this.caches) expect(k.kmem_cache_destroy(cache)).toBe(0);
    expect(faults(k)).toEqual([]);
  }
}

interface Step {
  readonly do: 'allocate' | 'free' | 'reap' | 'shrink' | 'tune';
  readonly cpu: number;
  readonly which: number;
  readonly count: number;
  readonly node: number;
}

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('allocate' as const),
      cpu: fc.nat(3),
      which: fc.nat(4),
      count: fc.integer({ min: 1, max: 70 }),
      node: fc.constantFrom(-1, -1, 0, 1),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('free' as const),
      cpu: fc.nat(3),
      which: fc.nat(1000),
      count: fc.integer({ min: 1, max: 90 }),
      node: fc.constant(-1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('reap' as const, 'shrink' as const, 'tune' as const),
      cpu: fc.nat(3),
      which: fc.nat(4),
      count: fc.integer({ min: 1, max: 40 }),
      node: fc.constant(-1),
    }),
  },
);

/** Does the steps, with an audit after each, and gives everything back in the end. */
function follow(model: Model, steps: readonly Step[]): void {
  for (const step of steps) {
    if (step.do === 'reap') model.reap(step.cpu);
    else if (step.do === 'shrink') model.shrink(step.which);
    else if (step.do === 'tune') model.tune(step.which, step.count);
    else {
      for (let i = 0; i < step.count; i++) {
        if (step.do === 'allocate') model.allocate(step.cpu, step.which, step.node);
        else model.free(step.cpu, step.which + i);
      }
    }
    model.check();
  }
  model.end();
}

const STEPS = fc.array(STEP, { minLength: 5, maxLength: 40 });
const MIB = 1024 ** 2;

describe('objects that are allocated and freed on any CPU belong to one user at a time, and come back', () => {
  test.prop([STEPS], { numRuns: 8 })('on two nodes', (steps) => {
    follow(new Model(), steps);
  });

  test.prop([STEPS], { numRuns: 3 })('on a machine of 32 bits with high memory', (steps) => {
    follow(new Model(x86Zones(16, 32, 16)), steps);
  });

  test.prop([STEPS], { numRuns: 3 })('where CPUs have no memory of their own', (steps) => {
    const memory = [
      { start: 0, end: 0xa0000, node: 0 },
      { start: MIB, end: 48 * MIB, node: 0 },
      { start: 48 * MIB, end: 64 * MIB, node: 2 },
    ];
    const distances = [
      [10, 20, 30],
      [20, 10, 20],
      [30, 20, 10],
    ];
    follow(new Model(twoNodes(32, { memory, nodes: 3, cpuNodes: [0, 1, 1, 2], distances })), steps);
  });

  test.prop([STEPS], { numRuns: 2 })('with debugging', (steps) => {
    follow(new Model(twoNodes(32, { debug: { ...debug('locks', 'vm'), slab: true } })), steps);
  });
});

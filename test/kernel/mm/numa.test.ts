import { describe, expect, test } from 'vitest';
import type { Hardware } from '../../../src/arch/hardware.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import {
  __GFP_HARDWALL,
  __GFP_NOWARN,
  __GFP_THISNODE,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_USER,
} from '../../../src/kernel/mm/gfp.js';
import {
  MPOL_BIND,
  MPOL_DEFAULT,
  MPOL_INTERLEAVE,
  MPOL_PREFERRED,
} from '../../../src/kernel/mm/mempolicy.js';
import { bootInProcess } from '../../support/boot-in-process.js';
import { exhaust } from '../../support/exhaust.js';
import { debug, lowRanges, mib, preset, x64Nodes } from '../../support/hardware.js';
import { labelOf, numastat, type Numastat } from '../../support/zones.js';

const ZEROS: Numastat = { hit: 0, miss: 0, foreign: 0, interleave: 0, local: 0, other: 0 };

/** What an action added to the counters of each node. */
function counted(k: Kernel, nodes: number, action: () => void): Numastat[] {
  const before = Array.from({ length: nodes }, (_, nid) => numastat(k, nid));
  action();
  return before.map((old, nid) => {
    const now = numastat(k, nid);
    return {
      hit: now.hit - old.hit,
      miss: now.miss - old.miss,
      foreign: now.foreign - old.foreign,
      interleave: now.interleave - old.interleave,
      local: now.local - old.local,
      other: now.other - old.other,
    };
  });
}

const nodes3 = (changes: Partial<Hardware> = {}): Hardware =>
  x64Nodes(3, 16, 4, 4, { debug: debug('vm'), ...changes });

/** Leaves nothing on a node that GFP_KERNEL could get. */
function fill(k: Kernel, nid: number): void {
  exhaust(k, () => k.alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
}

describe('NUMA counters', () => {
  test('intended node and own node: hit and local', () => {
    const { k, cpus } = bootInProcess(nodes3());
    const change = counted(k, 3, () => cpus[2].alloc_page(GFP_KERNEL));
    expect(change).toEqual([ZEROS, { ...ZEROS, hit: 1, local: 1 }, ZEROS]);
  });

  test('intended node, asked for from another: hit and other', () => {
    const { k, cpus } = bootInProcess(nodes3());
    const change = counted(k, 3, () => cpus[2].alloc_pages_node(0, GFP_KERNEL, 0));
    expect(change).toEqual([{ ...ZEROS, hit: 1, other: 1 }, ZEROS, ZEROS]);
  });

  test('intended node full: miss where it came from, foreign where it should have', () => {
    const { k, cpus } = bootInProcess(nodes3());
    fill(k, 1);
    const change = counted(k, 3, () => cpus[2].alloc_pages_node(1, GFP_KERNEL, 0));
    expect(change).toEqual([ZEROS, { ...ZEROS, foreign: 1 }, { ...ZEROS, miss: 1, other: 1 }]);
  });

  test('a miss can be local: the intended node is full, and memory comes from the own', () => {
    const { k, cpus } = bootInProcess(nodes3());
    fill(k, 1);
    const change = counted(k, 3, () => cpus[4].alloc_pages_node(1, GFP_KERNEL, 0));
    expect(change).toEqual([ZEROS, { ...ZEROS, foreign: 1 }, { ...ZEROS, miss: 1, local: 1 }]);
  });

  test.each([0, 3, 10])('an allocation of order %i counts once', (order) => {
    const { k } = bootInProcess(preset('x86_64-numa2'));
    const change = counted(k, 2, () => k.alloc_pages(GFP_KERNEL, order));
    expect(change[0]).toEqual({ ...ZEROS, hit: 1, local: 1 });
  });

  test('a lower zone of the intended node is a hit', () => {
    const { k } = bootInProcess(nodes3());
    const change = counted(k, 3, () => {
      exhaust(k, () => k.alloc_pages_node(0, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
    });
    expect([change[0].miss, change[0].foreign]).toEqual([0, 0]);
    expect(change[0].hit).toBeGreaterThan(3000);
    expect(change[0].hit).toBe(change[0].local);
  });

  test('failed allocations and frees count nothing', () => {
    const { k } = bootInProcess(nodes3());
    fill(k, 1);
    const pfn = k.alloc_page(GFP_KERNEL);
    const change = counted(k, 3, () => {
      k.alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0);
      k.alloc_pages(GFP_KERNEL, 11);
      k.__free_page(pfn);
    });
    expect(change).toEqual([ZEROS, ZEROS, ZEROS]);
  });

  test('on a node without memory every page is from another', () => {
    const { k, cpus } = bootInProcess(preset('memoryless'));
    const change = counted(k, 3, () => cpus[2].alloc_page(GFP_KERNEL));
    // The first zone of the list is on node 2, so that is the intended node.
    expect(change).toEqual([ZEROS, ZEROS, { ...ZEROS, hit: 1, other: 1 }]);
  });

  test('misses and foreigns are equal in sum, hits and misses are locals and others on every node', () => {
    const { k, cpus } = bootInProcess(nodes3());
    for (let i = 0; i < 9000; i++) {
      cpus[(i * 7) % 6].alloc_pages_node(i % 3, GFP_KERNEL | __GFP_NOWARN, i % 50 === 0 ? 2 : 0);
    }
    const stats = [0, 1, 2].map((nid) => numastat(k, nid));
    const sum = (field: keyof Numastat): number => stats.reduce((total, node) => total + node[field], 0);
    expect(sum('miss')).toBe(sum('foreign'));
    expect(sum('miss')).toBeGreaterThan(0);
    for (const node of stats) expect(node.hit + node.miss).toBe(node.local + node.other);
  });
});

describe('memory policies', () => {
  /** The nodes of some allocations by policy. */
  function nodesOf(k: Kernel, count: number, mask = GFP_KERNEL): number[] {
    return Array.from({ length: count }, () => k.page_to_nid(k.alloc_pages(mask, 0)));
  }

  test('default: the node of the CPU', () => {
    const { cpus } = bootInProcess(nodes3());
    expect(nodesOf(cpus[3], 4)).toEqual([1, 1, 1, 1]);
    expect(cpus[3].set_mempolicy(MPOL_PREFERRED, [0])).toBe(0);
    expect(cpus[3].set_mempolicy(MPOL_DEFAULT)).toBe(0);
    expect(nodesOf(cpus[3], 4)).toEqual([1, 1, 1, 1]);
  });

  test('preferred: that node, and others when it is full', () => {
    const { k, cpus } = bootInProcess(nodes3());
    cpus[0].set_mempolicy(MPOL_PREFERRED, [2]);
    expect(nodesOf(cpus[0], 3)).toEqual([2, 2, 2]);
    fill(k, 2);
    expect(nodesOf(cpus[0], 1)).not.toEqual([2]);
    // No node: the current one.
    expect(cpus[2].set_mempolicy(MPOL_PREFERRED)).toBe(0);
    expect(nodesOf(cpus[2], 2)).toEqual([1, 1]);
  });

  test('bind: its nodes only, also when they are full', () => {
    const { k, cpus } = bootInProcess(nodes3());
    expect(cpus[0].set_mempolicy(MPOL_BIND, [2, 1])).toBe(0);
    const { runs } = exhaust(cpus[0], () => cpus[0].alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0));
    expect(runs.slice(0, 2).map((run) => run.zone)).toEqual(['1:Normal', '2:Normal']);
    expect(new Set(runs.map((run) => run.zone))).toEqual(new Set(['1:Normal', '2:Normal']));
    expect(k.page_to_nid(cpus[1].alloc_page(GFP_KERNEL))).toBe(0);
  });

  test('bind goes zone by zone', () => {
    const { cpus } = bootInProcess(x64Nodes(2, 32, 4, 12, { debug: debug(), numaZonelistOrder: 'node' }));
    cpus[0].set_mempolicy(MPOL_BIND, [0, 1]);
    const { runs } = exhaust(cpus[0], () => cpus[0].alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0));
    expect(runs.slice(0, 4).map((run) => run.zone)).toEqual(['0:Normal', '1:Normal', '0:DMA32', '0:DMA']);
  });

  test('bind does not apply to zones below the highest that exists', () => {
    for (const hardware of [x64Nodes(2, 32, 4, 12), preset('x86_64-numa2')]) {
      const { cpus } = bootInProcess(hardware);
      cpus[0].set_mempolicy(MPOL_BIND, [1]);
      expect(labelOf(cpus[0], cpus[0].alloc_pages(GFP_KERNEL | GFP_DMA, 0))).toBe('0:DMA');
      expect(nodesOf(cpus[0], 1)).toEqual([1]);
    }
  });

  test('bind keeps unmovable requests out of ZONE_MOVABLE', () => {
    const { cpus } = bootInProcess(x64Nodes(2, 32, 4, 4, { movablecore: 16 * 1024 ** 2 }));
    cpus[0].set_mempolicy(MPOL_BIND, [1]);
    const label = (mask: number): string => labelOf(cpus[0], cpus[0].alloc_pages(mask, 0));
    expect([GFP_KERNEL, GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE].map(label)).toEqual([
      '1:Normal',
      '1:Normal',
      '1:Movable',
    ]);
  });

  test('interleave: the nodes of the mask in turn, from the lowest', () => {
    const { cpus } = bootInProcess(nodes3());
    cpus[2].set_mempolicy(MPOL_INTERLEAVE, [2, 0]);
    expect(nodesOf(cpus[2], 5)).toEqual([0, 2, 0, 2, 0]);
    cpus[2].set_mempolicy(MPOL_INTERLEAVE, [0, 1, 2]);
    expect(nodesOf(cpus[2], 5)).toEqual([0, 1, 2, 0, 1]);
  });

  test('interleave counts a hit when the page comes from the first zone of the node it was meant for', () => {
    const { k, cpus } = bootInProcess(nodes3());
    cpus[2].set_mempolicy(MPOL_INTERLEAVE, [1, 2]);
    expect(counted(k, 3, () => nodesOf(cpus[2], 4)).map((node) => node.interleave)).toEqual([0, 2, 2]);
    fill(k, 2);
    // Meant for node 1 and node 2: only the first is a hit.
    expect(counted(k, 3, () => nodesOf(cpus[2], 2)).map((node) => node.interleave)).toEqual([0, 1, 0]);
  });

  test('interleave does not count a lower zone of the node as a hit', () => {
    const { k, cpus } = bootInProcess(x64Nodes(2, 32, 4, 12, { debug: debug(), numaZonelistOrder: 'node' }));
    cpus[0].set_mempolicy(MPOL_INTERLEAVE, [0]);
    let change: Numastat[] = [];
    for (let i = 0; i < 1e5 && change[0]?.interleave !== 0; i++) {
      change = counted(k, 2, () => nodesOf(cpus[0], 1));
    }
    expect(change[0]).toEqual({ ...ZEROS, hit: 1, local: 1 });
  });

  test('do not apply in interrupts, nor to THISNODE requests, nor to alloc_pages_node', () => {
    const { cpus } = bootInProcess(nodes3());
    const k = cpus[0];
    k.set_mempolicy(MPOL_BIND, [2]);
    expect(nodesOf(k, 1)).toEqual([2]);
    expect(nodesOf(k, 1, GFP_KERNEL | __GFP_THISNODE)).toEqual([0]);
    expect(k.page_to_nid(k.alloc_pages_node(1, GFP_KERNEL, 0))).toBe(1);
    k.local_bh_disable();
    expect(nodesOf(k, 1, GFP_ATOMIC)).toEqual([0]);
    k.local_bh_enable();
    expect(nodesOf(k, 1, GFP_ATOMIC)).toEqual([2]);
  });

  test('belong to the task of one CPU', () => {
    const { cpus } = bootInProcess(nodes3());
    cpus[0].set_mempolicy(MPOL_BIND, [2]);
    expect(nodesOf(cpus[1], 1)).toEqual([0]);
  });

  test.each<[string, number, number[]]>([
    ['default with nodes', MPOL_DEFAULT, [0]],
    ['preferred with two nodes', MPOL_PREFERRED, [0, 2]],
    ['bind without nodes', MPOL_BIND, []],
    ['interleave without nodes', MPOL_INTERLEAVE, []],
    ['an unknown mode', 7, [0]],
    ['a node that does not exist', MPOL_BIND, [3]],
    ['a negative node', MPOL_BIND, [-1]],
    ['half a node', MPOL_PREFERRED, [0.5]],
    ['a node without memory', MPOL_BIND, [1]],
  ])('%s is -EINVAL, and changes nothing', (_, mode, nodes) => {
    const { cpus } = bootInProcess(preset('memoryless'));
    cpus[0].set_mempolicy(MPOL_PREFERRED, [2]);
    expect(cpus[0].set_mempolicy(mode, nodes)).toBe(-22);
    expect(nodesOf(cpus[0], 1)).toEqual([2]);
  });

  test('a node named twice counts once', () => {
    const { cpus } = bootInProcess(nodes3());
    cpus[0].set_mempolicy(
      MPOL_BIND,
      Array.from({ length: 500 }, () => 1),
    );
    expect(nodesOf(cpus[0], 1)).toEqual([1]);
    expect(nodesOf(cpus[1], 1)).toEqual([0]);
  });
});

describe('cpusets', () => {
  /** Where the requests of a class end up when the nodes of the cpuset are full. */
  function nodesWhenFull(mask: number, prepare: (k: Kernel) => void = () => {}): number[] {
    const { k, cpus } = bootInProcess(nodes3());
    fill(k, 0);
    cpus[0].cpuset_set_mems([0], [0, 1]);
    prepare(cpus[0]);
    const { runs } = exhaust(cpus[0], () => cpus[0].alloc_pages(mask | __GFP_NOWARN, 0));
    return [...new Set(runs.map((run) => Number(run.zone[0])))].sort((a, b) => a - b);
  }

  test('GFP_USER stays in its own nodes: a hard wall', () => {
    expect(nodesWhenFull(GFP_USER)).toEqual([]);
    expect(nodesWhenFull(GFP_KERNEL | __GFP_HARDWALL)).toEqual([]);
  });

  test('GFP_KERNEL may take from the nearest exclusive cpuset: a soft wall', () => {
    expect(nodesWhenFull(GFP_KERNEL)).toEqual([1]);
  });

  test('GFP_ATOMIC may take from any node', () => {
    expect(nodesWhenFull(GFP_ATOMIC)).toEqual([0, 1, 2]);
  });

  test('interrupts may take from any node', () => {
    expect(nodesWhenFull(GFP_ATOMIC, (k) => k.local_bh_disable())).toEqual([0, 1, 2]);
  });

  test('without an exclusive cpuset around it GFP_KERNEL has all nodes', () => {
    expect(nodesWhenFull(GFP_KERNEL, (k) => k.cpuset_set_mems([0]))).toEqual([1, 2]);
  });

  test('the own nodes are used first, in the order of the zonelist', () => {
    const { cpus } = bootInProcess(nodes3());
    cpus[0].cpuset_set_mems([1, 2], [0, 1, 2]);
    for (const mask of [GFP_USER, GFP_KERNEL, GFP_ATOMIC]) {
      expect(cpus[0].page_to_nid(cpus[0].alloc_page(mask))).toBe(1);
    }
    expect(cpus[0].page_to_nid(cpus[0].alloc_pages_node(2, GFP_USER, 0))).toBe(2);
    expect(cpus[0].page_to_nid(cpus[0].alloc_page(GFP_KERNEL | __GFP_THISNODE))).toBe(0);
    expect(cpus[1].page_to_nid(cpus[1].alloc_page(GFP_USER))).toBe(0);
  });

  test('a zone that one cpuset forbids is not full for tasks of others', () => {
    const memory = [...lowRanges(16), mib(1, 16, 32), mib(2, 32, 48)];
    const { cpus } = bootInProcess(nodes3({ memory }));
    fill(cpus[0], 0);
    // CPU 0 may not use node 1, and passes it on its way to node 2.
    cpus[0].cpuset_set_mems([0, 2], [0, 2]);
    expect(cpus[0].page_to_nid(cpus[0].alloc_page(GFP_USER))).toBe(2);
    // CPU 1 walks the same list at the same time and may.
    expect(cpus[1].page_to_nid(cpus[1].alloc_page(GFP_USER))).toBe(1);
  });
});

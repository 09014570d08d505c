import { test as propertyTest, fc } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import type { Hardware } from '../../../src/arch/hardware.js';
import {
  ZONE_DMA,
  ZONE_DMA32,
  ZONE_HIGHMEM,
  ZONE_MOVABLE,
  ZONE_NORMAL,
} from '../../../src/arch/address-space.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { readLog } from '../../../src/kernel/core/printk.js';
import { zlcMarkFull, zlcSetup, zlcWorthTrying } from '../../../src/kernel/mm/zonelist-cache.js';
import { node_zonelist } from '../../../src/kernel/mm/mempolicy.js';
import { GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import {
  build_all_zonelists,
  currentOrder,
  nearestMemoryNode,
  node_distance,
  nodeOrder,
  ZONELIST_ORDER_NODE,
  ZONELIST_ORDER_ZONE,
} from '../../../src/kernel/mm/zonelist.js';
import { bootInProcess, twoNodes } from '../../support/boot-in-process.js';
import { lowRanges, mib, preset, x64Nodes, x86Zones } from '../../support/hardware.js';
import { thisNodeIndex, zonelistLabels } from '../../support/zones.js';

/** The order of nodes in every node's list, with the load carried from list to list as at boot. */
function nodeOrders(hardware: Hardware): number[][] {
  const { k } = bootInProcess(hardware);
  const load = new Array<number>(hardware.nodes).fill(0);
  return Array.from({ length: hardware.nodes }, (_, nid) => nodeOrder(k, nid, load));
}

describe('the order of nodes', () => {
  test('goes by distance, read from the row of the node that allocates', () => {
    expect(nodeOrders(preset('numa4'))).toEqual([
      [0, 1, 2, 3],
      [1, 2, 0, 3],
      [2, 3, 1, 0],
      [3, 2, 1, 0],
    ]);
  });

  test('among equal distances the load of former first choices rotates it', () => {
    expect(nodeOrders(x64Nodes(4, 8, 4, 4))).toEqual([
      [0, 1, 2, 3],
      [1, 2, 3, 0],
      [2, 3, 0, 1],
      [3, 0, 1, 2],
    ]);
  });

  test('a lower node counts as one further away', () => {
    const distances = [
      [10, 20, 20],
      [20, 10, 21],
      [20, 20, 10],
    ];
    // From node 1: node 0 at 20 + 1, node 2 at 21. The load of node 0 decides, none has any: the lower number.
    expect(nodeOrders(x64Nodes(3, 8, 4, 4, { distances }))[1]).toEqual([1, 0, 2]);
    distances[1] = [21, 10, 21];
    expect(nodeOrders(x64Nodes(3, 8, 4, 4, { distances }))[1]).toEqual([1, 2, 0]);
  });

  test('a node without CPUs is preferred to one with CPUs at the same distance', () => {
    expect(nodeOrders(x64Nodes(3, 8, 4, 4, { cpuNodes: [0, 1] }))[0]).toEqual([0, 2, 1]);
  });

  test('a node without memory comes first in its own list only, and adds nothing to it', () => {
    const hardware = preset('memoryless');
    expect(nodeOrders(hardware)).toEqual([
      [0, 2],
      [1, 2, 0],
      [2, 0],
    ]);
    const { k } = bootInProcess(hardware);
    expect(zonelistLabels(k, 1, ZONE_NORMAL)).toEqual(['2:DMA32', '0:DMA32', '0:DMA']);
    expect(zonelistLabels(k, 1, thisNodeIndex(ZONE_NORMAL))).toEqual([]);
    expect([0, 1, 2].map((nid) => nearestMemoryNode(k, nid))).toEqual([0, 2, 2]);
  });

  test('distances are as the firmware has them', () => {
    const { k } = bootInProcess(preset('numa4'));
    expect([node_distance(k, 0, 3), node_distance(k, 3, 0), node_distance(k, 2, 2)]).toEqual([28, 30, 10]);
  });

  /** The rule as it is documented, written down once more. */
  function documented(distances: readonly number[][]): number[][] {
    const nodes = distances.length;
    const load = new Array<number>(nodes).fill(0);
    return distances.map((row, from) => {
      const order = [from];
      while (order.length < nodes) {
        const rest = row.map((_, node) => node).filter((node) => !order.includes(node));
        const key = (to: number): number => row[to] + (to < from ? 1 : 0);
        rest.sort((a, b) => key(a) - key(b) || load[a] - load[b] || a - b);
        const next = rest[0];
        if (row[next] !== row[order[order.length - 1]]) load[next] = nodes - order.length;
        order.push(next);
      }
      return order;
    });
  }

  const matrix = fc.integer({ min: 2, max: 6 }).chain((nodes) =>
    fc.array(fc.array(fc.integer({ min: 11, max: 14 }), { minLength: nodes, maxLength: nodes }), {
      minLength: nodes,
      maxLength: nodes,
    }),
  );

  propertyTest.prop([matrix], { numRuns: 60 })('is the documented one for any table', (table) => {
    const distances = table.map((row, from) => row.map((value, to) => (from === to ? 10 : value)));
    expect(nodeOrders(x64Nodes(table.length, 4, 4, 4, { distances }))).toEqual(documented(distances));
  });
});

describe('zonelists', () => {
  test('two nodes with everything in DMA32, as a real kernel orders them', () => {
    const { k } = bootInProcess(preset('x86_64-numa2'));
    expect(zonelistLabels(k, 0, ZONE_NORMAL)).toEqual(['0:DMA32', '0:DMA', '1:DMA32']);
    expect(zonelistLabels(k, 1, ZONE_NORMAL)).toEqual(['1:DMA32', '0:DMA32', '0:DMA']);
    expect(zonelistLabels(k, 0, thisNodeIndex(ZONE_NORMAL))).toEqual(['0:DMA32', '0:DMA']);
    expect(zonelistLabels(k, 1, thisNodeIndex(ZONE_NORMAL))).toEqual(['1:DMA32']);
  });

  test('one node: from the highest zone that the mask allows down', () => {
    const { k } = bootInProcess(preset('tiny'));
    expect(zonelistLabels(k, 0, ZONE_MOVABLE)).toEqual(['0:Movable', '0:HighMem', '0:Normal', '0:DMA']);
    expect(zonelistLabels(k, 0, ZONE_HIGHMEM)).toEqual(['0:HighMem', '0:Normal', '0:DMA']);
    expect(zonelistLabels(k, 0, ZONE_NORMAL)).toEqual(['0:Normal', '0:DMA']);
    expect(zonelistLabels(k, 0, ZONE_DMA32)).toEqual(['0:DMA']);
    expect(zonelistLabels(k, 0, ZONE_DMA)).toEqual(['0:DMA']);
  });

  test('a request for DMA finds the node that has it, from every node', () => {
    const { k } = bootInProcess(preset('numa4'));
    for (let nid = 0; nid < 4; nid++) expect(zonelistLabels(k, nid, ZONE_DMA)).toEqual(['0:DMA']);
    expect(zonelistLabels(k, 2, thisNodeIndex(ZONE_DMA))).toEqual([]);
  });

  test('node order takes DMA of the node before memory of another; zone order saves it', () => {
    const lists = (order: 'node' | 'zone'): string[][] => {
      const { k } = bootInProcess(x64Nodes(2, 32, 4, 8, { numaZonelistOrder: order }));
      return [zonelistLabels(k, 0, ZONE_NORMAL), zonelistLabels(k, 1, ZONE_NORMAL)];
    };
    expect(lists('node')).toEqual([
      ['0:Normal', '0:DMA32', '0:DMA', '1:Normal'],
      ['1:Normal', '0:Normal', '0:DMA32', '0:DMA'],
    ]);
    expect(lists('zone')).toEqual([
      ['0:Normal', '1:Normal', '0:DMA32', '0:DMA'],
      ['1:Normal', '0:Normal', '0:DMA32', '0:DMA'],
    ]);
  });

  test('THISNODE lists are the same in zone order', () => {
    const { k } = bootInProcess(x64Nodes(2, 32, 4, 8, { numaZonelistOrder: 'zone' }));
    expect(zonelistLabels(k, 0, thisNodeIndex(ZONE_NORMAL))).toEqual(['0:Normal', '0:DMA32', '0:DMA']);
  });

  test('can be rebuilt in another order', () => {
    const { k } = bootInProcess(x64Nodes(2, 32, 4, 8, { numaZonelistOrder: 'zone' }));
    k.i32[KERNEL.numa_zonelist_order] = ZONELIST_ORDER_NODE;
    build_all_zonelists(k);
    expect(zonelistLabels(k, 0, ZONE_NORMAL)).toEqual(['0:Normal', '0:DMA32', '0:DMA', '1:Normal']);
    expect(readLog(k)).toMatch(
      /Built 2 zonelists in Zone order, mobility grouping on\. {2}Total pages: 16288/,
    );
    expect(readLog(k)).toContain('Built 2 zonelists in Node order');
  });
});

describe('the default order', () => {
  const order = (hardware: Hardware): string => {
    const { k } = bootInProcess(hardware);
    const chosen = currentOrder(k);
    return chosen === ZONELIST_ORDER_ZONE ? 'zone' : chosen === ZONELIST_ORDER_NODE ? 'node' : 'neither';
  };

  test('is zone order when the DMA zones are a small part of the memory', () => {
    expect(order(x64Nodes(2, 32, 4, 8))).toBe('zone');
  });

  test('is node order when they are more than half of it', () => {
    expect(order(x64Nodes(2, 32, 4, 36))).toBe('node');
    expect(order(preset('x86_64-numa2'))).toBe('node');
  });

  test('is node order when they are most of a node that is larger than average', () => {
    expect(order(x64Nodes(4, 32, 4, 24))).toBe('node');
    expect(order(x64Nodes(4, 32, 4, 20))).toBe('zone');
  });

  test('is zone order when they are most of a small node only', () => {
    const memory = [...lowRanges(8), mib(1, 8, 40), mib(2, 40, 72)];
    const hardware = x64Nodes(3, 8, 4, 8, { memory });
    expect(order(hardware)).toBe('zone');
  });

  test('is node order when there is no DMA memory', () => {
    expect(order(twoNodes(16, { zoneLimits: { dma: 0, dma32: 0, lowmem: 2 ** 36 } }))).toBe('node');
  });

  test('follows the same rule on one node', () => {
    expect(order(x86Zones(4, 12, 8))).toBe('zone');
  });
});

describe('the zonelist cache', () => {
  const { k, platform } = bootInProcess(preset('numa4'));
  const zonelist = node_zonelist(k, 0, GFP_KERNEL);

  test('remembers a full zone for a second, and no longer', () => {
    platform.time = 5000;
    expect(zlcSetup(k, zonelist)).toBe(false);
    zlcMarkFull(k, zonelist, 2);
    expect(zlcSetup(k, zonelist)).toBe(true);
    expect([1, 2, 3].map((i) => zlcWorthTrying(k, zonelist, i))).toEqual([true, false, true]);
    platform.time = 6000;
    expect(zlcSetup(k, zonelist)).toBe(true);
    platform.time = 6001;
    expect(zlcSetup(k, zonelist)).toBe(false);
    expect(zlcWorthTrying(k, zonelist, 2)).toBe(true);
  });

  test('is forgotten when the lists are rebuilt', () => {
    zlcMarkFull(k, zonelist, 1);
    build_all_zonelists(k);
    expect(zlcWorthTrying(k, zonelist, 1)).toBe(true);
  });
});

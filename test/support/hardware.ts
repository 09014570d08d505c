import type { Hardware, MemoryRange } from '../../src/arch/hardware.js';
import { toHardware } from '../../src/machine/config-hardware.js';
import { PRESETS, type PresetName } from '../../src/machine/presets.js';
import { twoNodes } from './boot-in-process.js';

/** Machines for tests. */

const MIB = 1024 ** 2;

/** The hardware of a preset; fields can be replaced. */
export function preset(name: PresetName, changes: Partial<Hardware> = {}): Hardware {
  return { ...toHardware(PRESETS[name].config, name), ...changes };
}

/** A debug setting with the named switches on and all others off. */
export function debug(...on: ('locks' | 'sleep' | 'pageOwner' | 'vm')[]): Hardware['debug'] {
  const is = (name: (typeof on)[number]): boolean => on.includes(name);
  return {
    locks: is('locks'),
    sleep: is('sleep'),
    pageOwner: is('pageOwner'),
    vm: is('vm'),
    lockHoldLimitMs: 1000,
  };
}

/** RAM from `start` to `end` MiB on a node. */
export function mib(node: number, start: number, end: number): MemoryRange {
  return { start: start * MIB, end: end * MIB, node };
}

/** The low memory of a PC, with the hole below 1 MiB, up to `end` MiB on node 0. */
export function lowRanges(end: number): MemoryRange[] {
  return [{ start: 0, end: 0xa0000, node: 0 }, mib(0, 1, end)];
}

/** x86 with DMA, Normal and HighMem of the given sizes in MiB, on one node with two CPUs. */
export function x86Zones(
  dma: number,
  normal: number,
  high: number,
  changes: Partial<Hardware> = {},
): Hardware {
  const end = dma + normal + high;
  return twoNodes(32, {
    arch: 'x86',
    memory: lowRanges(end),
    cpuNodes: [0, 0],
    nodes: 1,
    distances: [[10]],
    zoneLimits: { dma: dma * MIB, dma32: dma * MIB, lowmem: (dma + normal) * MIB },
    ...changes,
  });
}

/**
 * x86_64 with DMA, DMA32 and Normal on every node that has them: each node has `each` MiB, one after another.
 *
 * @param dma end of DMA in MiB
 * @param dma32 end of DMA32 in MiB
 */
export function x64Nodes(
  nodes: number,
  each: number,
  dma: number,
  dma32: number,
  changes: Partial<Hardware> = {},
): Hardware {
  const memory = lowRanges(each);
  for (let node = 1; node < nodes; node++) memory.push(mib(node, node * each, (node + 1) * each));
  const row = Array.from({ length: nodes }, (_, i) => i);
  return twoNodes(32, {
    memory,
    nodes,
    cpuNodes: row.flatMap((node) => [node, node]),
    distances: row.map((from) => row.map((to) => (from === to ? 10 : 20))),
    zoneLimits: { dma: dma * MIB, dma32: dma32 * MIB, lowmem: 65536 * MIB },
    ...changes,
  });
}

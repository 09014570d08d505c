import type { ArchName } from '../arch/address-space.js';
import type { MemoryRange } from '../arch/hardware.js';
import type { ConfigField } from './config-field.js';
import { ISA_HOLE, readHoles, type Hole } from './config-holes.js';
import { layOutMemory, MIN_NODE_BYTES, refuseLittle, type NodeRange } from './config-memory-layout.js';
import { formatMemorySize } from './memory-size.js';

/** The least RAM above 1 MiB of the range that the kernel boots from. */
const MIN_BOOT_BYTES = 8 * 1024 ** 2;

/**
 * Makes the memory map: places the nodes' memory, punches the holes, joins what adjoins.
 *
 * @param memory the `memory` field of each node
 * @param holes the field of the holes
 * @param nodes the field that holds the nodes
 * @param arch null when that field is wrong
 * @returns RAM in ascending order, or null when something is wrong
 */
export function readMemory(
  memory: readonly ConfigField[],
  holes: ConfigField,
  nodes: ConfigField,
  arch: ArchName | null,
): MemoryRange[] | null {
  const layout = layOutMemory(memory, arch);
  const isComplete = layout.every((ranges) => ranges !== null);
  const ranges = layout.flatMap((nodeRanges) => nodeRanges ?? []);
  const punched = readHoles(holes, isComplete ? ranges : null);
  const boot = ranges.find(({ start }) => start === 0);
  if (boot !== undefined) checkBootMemory(boot, punched);
  layout.forEach((nodeRanges, node) => {
    if (nodeRanges !== null && node !== boot?.node) checkNodeMemory(memory[node], nodeRanges, punched);
  });
  if (!isComplete) return null;
  if (ranges.length === 0) return nodes.refuse(`no node has memory; one needs some, such as "memory": "16M"`);
  if (boot === undefined) {
    return nodes.refuse(
      'no memory starts at physical address 0, where the machine boots; one node must have it',
    );
  }
  return joinAdjacent(punch(ranges, punched));
}

function checkBootMemory(boot: NodeRange, holes: readonly Hole[]): void {
  const above = punch([{ ...boot, start: ISA_HOLE.end }], holes);
  const bytes = sumBytes(above);
  if (bytes >= MIN_BOOT_BYTES) return;
  boot.field.refuse(
    `has ${formatMemorySize(bytes)} of RAM above 1M, too little to boot; ` +
      `the memory at address 0 needs at least ${formatMemorySize(MIN_BOOT_BYTES)} there`,
  );
}

function checkNodeMemory(field: ConfigField, ranges: readonly NodeRange[], holes: readonly Hole[]): void {
  const bytes = sumBytes(punch(ranges, holes));
  if (ranges.length === 0 || bytes >= MIN_NODE_BYTES) return;
  refuseLittle(field, bytes, bytes === sumBytes(ranges) ? '' : ' after the holes');
}

/** The memory that is in no hole, ascending. */
function punch(memory: readonly MemoryRange[], holes: readonly Hole[]): MemoryRange[] {
  const sorted = holes.toSorted((a, b) => a.start - b.start);
  const rest: MemoryRange[] = [];
  for (const { start, end, node } of memory) {
    let from = start;
    for (const hole of sorted) {
      if (hole.end <= from) continue;
      if (hole.start >= end) break;
      if (hole.start > from) rest.push({ start: from, end: hole.start, node });
      from = hole.end;
    }
    if (from < end) rest.push({ start: from, end, node });
  }
  return rest.sort((a, b) => a.start - b.start);
}

/** @param memory ascending */
function joinAdjacent(memory: readonly MemoryRange[]): MemoryRange[] {
  const joined: MemoryRange[] = [];
  for (const range of memory) {
    const last = joined.at(-1);
    const isAdjacent = last?.node === range.node && last.end === range.start;
    if (isAdjacent) joined[joined.length - 1] = { ...last, end: range.end };
    else joined.push(range);
  }
  return joined;
}

/** Bytes of RAM in all ranges. */
export function sumBytes(memory: readonly Hole[]): number {
  return memory.reduce((sum, { start, end }) => sum + (end - start), 0);
}

import { FIRMWARE_BYTES, FIRMWARE_START, type MemoryRange } from '../../arch/hardware.js';
import { frameOf, MAX_PHYSICAL_BYTES, PAGE_SIZE } from '../../arch/page.js';
import type { Cpu } from '../core/cpu.js';
import { MAX_NUMNODES, NR_CPUS } from '../core/limits.js';

/** A stretch of RAM, in frames; `end` is exclusive. */
export interface Ram {
  readonly start: number;
  readonly end: number;
  readonly node: number;
}

/** What the firmware says of the machine, as far as the audit compares the kernel with it. */
export interface FirmwareTables {
  readonly memory: readonly MemoryRange[];
  /** The same, in frames. */
  readonly ram: readonly Ram[];
  readonly nodes: number;
  readonly cpus: number;
}

/** The firmware tables of the image; undefined when they are damaged. Believes nothing. */
export function readFirmwareTables(k: Cpu): FirmwareTables | undefined {
  const tables = parse(k.image.readText(FIRMWARE_START, FIRMWARE_BYTES));
  const { memory, nodes, cpuNodes } = tables;
  if (!isWhole(nodes, 1, MAX_NUMNODES) || !Array.isArray(memory) || !Array.isArray(cpuNodes))
    return undefined;
  if (!isWhole(cpuNodes.length, 1, NR_CPUS)) return undefined;
  const ranges: MemoryRange[] = [];
  const ram: Ram[] = [];
  let end = 0;
  for (const range of memory as unknown[]) {
    if (!isRange(range, end, nodes)) return undefined;
    ranges.push(range);
    ram.push({ start: frameOf(range.start), end: frameOf(range.end), node: range.node });
    end = range.end;
  }
  return { memory: ranges, ram, nodes, cpus: cpuNodes.length };
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isRange(value: unknown, from: number, nodes: number): value is MemoryRange {
  if (typeof value !== 'object' || value === null) return false;
  const { start, end, node } = value as Record<string, unknown>;
  if (!isWhole(start, from, MAX_PHYSICAL_BYTES) || !isWhole(end, start + 1, MAX_PHYSICAL_BYTES)) return false;
  return start % PAGE_SIZE === 0 && end % PAGE_SIZE === 0 && isWhole(node, 0, nodes - 1);
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

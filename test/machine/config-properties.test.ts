import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { imageBytes, sectionRanges, type MemoryRange } from '../../src/arch/hardware.js';
import { PAGE_SIZE, SECTION_BYTES, SECTION_PAGES } from '../../src/arch/page.js';
import { parseJson } from '../../src/machine/config-json.js';
import { loadHardware } from '../../src/machine/config-load.js';
import type { MachineConfig, NodeConfig, RangeConfig } from '../../src/machine/config-types.js';
import { formatMemorySize, formatPhysical, parseMemorySize } from '../../src/machine/memory-size.js';

const SECTION_FRAMES = SECTION_PAGES;
const KERNEL_SECTIONS = 3;
const ISA_FRAMES: readonly [number, number] = [0xa0, 0x100];

/** A valid machine in page frames. */
interface Plan {
  /** Of each node the ranges, `[first, end)`; empty for a node without memory. */
  readonly nodes: readonly (readonly (readonly [number, number])[])[];
  readonly holes: readonly (readonly [number, number])[];
  /** Nodes with one range that adjoins the memory before it may be written as a plain size. */
  readonly plain: boolean;
}

/** Nodes of sections: `[node, gap before in sections, whole sections, frames beyond them]`, ascending. */
const plans: fc.Arbitrary<Plan> = fc
  .record({
    pieces: fc.array(
      fc.tuple(fc.nat(3), fc.nat(5), fc.integer({ min: 1, max: 6 }), fc.nat(SECTION_FRAMES - 1)),
      { minLength: 1, maxLength: 8 },
    ),
    // A hole begins behind the first section of a range, the kernel's three at 0: the least RAM of a node stays.
    holes: fc.array(fc.tuple(fc.nat(7), fc.nat(4000), fc.integer({ min: 1, max: 3000 })), { maxLength: 5 }),
    plain: fc.boolean(),
  })
  .map(({ pieces, holes, plain }) => {
    const nodes: [number, number][][] = [[], [], [], []];
    const ranges: [number, number][] = [];
    let section = 0;
    pieces.forEach(([node, gap, sections, frames], index) => {
      const first = (section + (index === 0 ? 0 : gap)) * SECTION_FRAMES;
      const end = first + (sections + (index === 0 ? KERNEL_SECTIONS : 0)) * SECTION_FRAMES + frames;
      nodes[node].push([first, end]);
      ranges.push([first, end]);
      section = Math.ceil(end / SECTION_FRAMES);
    });
    const punched = holes.flatMap(([which, from, length]) => {
      const [first, end] = ranges[which % ranges.length];
      const start = first + (first === 0 ? KERNEL_SECTIONS : 1) * SECTION_FRAMES + from;
      return start < end ? [[start, Math.min(end, start + length)] as const] : [];
    });
    return { nodes, holes: punched, plain };
  });

function toConfig({ nodes, holes, plain }: Plan): MachineConfig {
  let behind = 0;
  const range = ([first, end]: readonly [number, number], index: number): RangeConfig =>
    index % 2 === 0
      ? { start: first * PAGE_SIZE, end: formatPhysical(end * PAGE_SIZE) }
      : { start: formatPhysical(first * PAGE_SIZE), size: formatMemorySize((end - first) * PAGE_SIZE) };
  const toNode = (ranges: Plan['nodes'][number]): NodeConfig => {
    const follows =
      ranges.length === 1 && ranges[0][0] === Math.ceil(behind / SECTION_FRAMES) * SECTION_FRAMES;
    behind = Math.max(behind, ...ranges.map(([, end]) => end));
    const isPlain = plain && follows;
    return { memory: isPlain ? (ranges[0][1] - ranges[0][0]) * PAGE_SIZE : ranges.map(range), cpus: 1 };
  };
  return { nodes: nodes.map(toNode), holes: holes.map(range) };
}

/** Node of each frame that is RAM, found frame by frame. */
function framesOf({ nodes, holes }: Plan): Map<number, number> {
  const frames = new Map<number, number>();
  nodes.forEach((ranges, node) => {
    for (const [first, end] of ranges) for (let frame = first; frame < end; frame++) frames.set(frame, node);
  });
  for (const [first, end] of [...holes, ISA_FRAMES]) {
    for (let frame = first; frame < end; frame++) frames.delete(frame);
  }
  return frames;
}

function isOrdered(memory: readonly MemoryRange[]): boolean {
  return memory.every((range, index) => {
    const before = memory.at(index - 1);
    const isFirst = index === 0 || before === undefined;
    const isJoined = !isFirst && before.end === range.start && before.node === range.node;
    return range.start < range.end && !isJoined && (isFirst || before.end <= range.start);
  });
}

describe('any valid machine', () => {
  test.prop([plans], { numRuns: 60 })('has the frames it asks for, in ranges that are whole', (plan) => {
    const { memory, cpuNodes } = loadHardware(toConfig(plan));
    expect(isOrdered(memory)).toBe(true);
    expect(memory.every(({ start, end }) => start % PAGE_SIZE === 0 && end % PAGE_SIZE === 0)).toBe(true);
    expect(cpuNodes).toEqual([0, 1, 2, 3]);
    const frames = framesOf(plan);
    let isRight = true;
    let count = 0;
    for (const { start, end, node } of memory) {
      for (let frame = start / PAGE_SIZE; frame < end / PAGE_SIZE; frame++, count++) {
        isRight &&= frames.get(frame) === node;
      }
    }
    expect(isRight).toBe(true);
    expect(count).toBe(frames.size);
  });

  test.prop([plans], { numRuns: 60 })('has an image of the sections that have RAM', (plan) => {
    const hardware = loadHardware(toConfig(plan));
    const sections = new Set([...framesOf(plan).keys()].map((frame) => Math.floor(frame / SECTION_FRAMES)));
    expect(imageBytes(hardware)).toBe(sections.size * SECTION_BYTES);
    expect(sectionRanges(hardware)[0]).toMatchObject({ startFrame: 0, imageOffset: 0 });
  });
});

describe('texts', () => {
  test.prop([fc.nat(2 ** 22), fc.constantFrom(1, 1024, 1024 ** 2)])('sizes are read back', (number, unit) => {
    expect(parseMemorySize(formatMemorySize(number * unit))).toBe(number * unit);
    expect(parseMemorySize(formatPhysical(number * unit))).toBe(number * unit);
  });

  test.each([
    ['640K', 655_360],
    ['1.5g', 1_610_612_736],
    ['256 MiB', 268_435_456],
    ['0x10M', 16_777_216],
    [' 7 ', 7],
    ['7B', 7],
  ])('%j is %i bytes', (text, bytes) => {
    expect(parseMemorySize(text)).toBe(bytes);
  });

  test.each(['', 'M', '-1', '1.5', '1T', '1e6', '1,5M', '99999999G'])('%j is no size', (text) => {
    expect(parseMemorySize(text)).toBeUndefined();
  });

  test.prop([fc.json()])('JSON is read as JSON.parse reads it', (text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  test.prop([fc.json(), fc.nat(), fc.string({ minLength: 1, maxLength: 2 })])(
    'a text that is no JSON has a fault in it',
    (json, at, insertion) => {
      const offset = at % (json.length + 1);
      const text = json.slice(0, offset) + insertion + json.slice(offset);
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      if (isJson) return;
      expect(() => parseJson(text)).toThrow(expect.objectContaining({ name: 'JsonFault' }) as Error);
    },
  );
});

import { describe, expect, test } from 'vitest';
import { endFrame, imageBytes, sectionRanges } from '../../src/arch/hardware.js';
import { frameOf, PAGE_SIZE, SECTION_BYTES, SECTION_PAGES } from '../../src/arch/page.js';
import { twoNodes } from '../support/boot-in-process.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

describe('physical memory in the image', () => {
  test('a section is as large as the largest block, 4 MiB', () => {
    expect(SECTION_BYTES).toBe(4 * MIB);
    expect(SECTION_PAGES * PAGE_SIZE).toBe(SECTION_BYTES);
  });

  test('ranges without a gap of a section are one after another, identical to physical memory', () => {
    const ranges = sectionRanges(twoNodes(32));
    let end = 0;
    for (const range of ranges) {
      expect(range.startFrame).toBe(end);
      expect(range.imageOffset).toBe(range.startFrame * PAGE_SIZE);
      end = range.endFrame;
    }
    expect(end).toBe(frameOf(64 * MIB));
    expect(imageBytes(twoNodes(32))).toBe(64 * MIB);
  });

  test('a hole of whole sections takes no place in the image', () => {
    const hardware = twoNodes(32, {
      memory: [
        { start: 0, end: 8 * MIB, node: 0 },
        { start: 6 * GIB, end: 6 * GIB + 8 * MIB, node: 1 },
      ],
    });
    expect(sectionRanges(hardware)).toEqual([
      { startFrame: 0, endFrame: 2048, imageOffset: 0 },
      { startFrame: frameOf(6 * GIB), endFrame: frameOf(6 * GIB) + 2048, imageOffset: 8 * MIB },
    ]);
    expect(imageBytes(hardware)).toBe(16 * MIB);
    expect(endFrame(hardware)).toBe(frameOf(6 * GIB + 8 * MIB));
  });

  test('two ranges in one section share it', () => {
    const hardware = twoNodes(32, {
      memory: [
        { start: 0, end: 0xa0000, node: 0 },
        { start: MIB, end: 3 * MIB, node: 0 },
        { start: 3.5 * MIB, end: 5 * MIB, node: 0 },
      ],
    });
    expect(sectionRanges(hardware)).toEqual([
      { startFrame: 0, endFrame: 1024, imageOffset: 0 },
      { startFrame: 1024, endFrame: 2048, imageOffset: 4 * MIB },
    ]);
  });

  test('a machine without memory has an empty image', () => {
    expect(imageBytes(twoNodes(32, { memory: [] }))).toBe(0);
    expect(endFrame(twoNodes(32, { memory: [] }))).toBe(0);
  });
});

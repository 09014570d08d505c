import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { buddyinfoLine } from '../../../src/kernel/fs/proc/buddyinfo.js';
import {
  blocksHeading,
  blocksRow,
  freeRow,
  pagetypeHeading,
} from '../../../src/kernel/fs/proc/pagetypeinfo.js';
import { zoneinfo } from '../../../src/kernel/fs/proc/zoneinfo.js';
import { unusableFraction, unusableLine } from '../../../src/kernel/fs/sys/extfrag.js';
import { numastatText } from '../../../src/kernel/fs/sys/node-numastat.js';
import { bootInProcess } from '../../support/boot-in-process.js';

/** Files of a running Linux 6.1 whose format is that of 2.6.24. */
function real(name: string): string {
  return readFileSync(new URL(`../../fixtures/proc/linux-6.1/${name}.txt`, import.meta.url), 'utf8');
}

function numbers(text: string): number[] {
  return text.trim().split(/ +/).map(Number);
}

/** A line `Node 0, zone Normal ...`: its node, its zone and its numbers. */
function zoneLine(line: string): { nid: number; zone: string; values: number[] } {
  const [, nid, zone, rest] = /^Node +(\d+), zone +(\w+) (.*)$/.exec(line)!;
  return { nid: Number(nid), zone, values: numbers(rest) };
}

const lines = (text: string): string[] => text.replace(/\n$/, '').split('\n');

describe('numbers of a real kernel, printed again, are the real text', () => {
  test('buddyinfo', () => {
    const again = lines(real('buddyinfo')).map((line) => {
      const { nid, zone, values } = zoneLine(line);
      return buddyinfoLine(nid, zone, values);
    });
    expect(again.join('')).toBe(real('buddyinfo'));
  });

  test('pagetypeinfo', () => {
    let again = '';
    for (const section of real('pagetypeinfo').split(/(?=Page block order)/)) {
      const [free, blocks] = section.split('\nNumber of blocks type');
      again += pagetypeHeading(Number(/order: (\d+)/.exec(free)![1]), 11);
      for (const line of lines(free).slice(4)) {
        const [, nid, zone, type, rest] = /^Node +(\d+), zone +(\w+), type +(\w+) (.*)$/.exec(line)!;
        again += freeRow(Number(nid), zone, type, numbers(rest));
      }
      const [types, ...rows] = lines(blocks);
      again += blocksHeading(types.trim().split(/ +/));
      for (const row of rows) {
        const { nid, zone, values } = zoneLine(row);
        again += blocksRow(nid, zone, values);
      }
    }
    expect(again).toBe(real('pagetypeinfo'));
  });

  test('the unusable free space index, computed from the free blocks of the same moment', () => {
    // HighMem changed between the two reads.
    const [dma, normal] = lines(real('buddyinfo')).map((line) => {
      const { nid, zone, values } = zoneLine(line);
      return unusableLine(nid, zone, values);
    });
    expect(real('unusable_index').startsWith(dma + normal)).toBe(true);
  });

  test('numastat', () => {
    const [numa_hit, numa_miss, numa_foreign, interleave_hit, local_node, other_node] = lines(
      real('numastat'),
    ).map((line) => Number(line.split(' ')[1]));
    const again = numastatText({ numa_hit, numa_miss, numa_foreign, interleave_hit, local_node, other_node });
    expect(again).toBe(real('numastat'));
  });

  test('zoneinfo: every line that both releases have looks the same', () => {
    const shape = (line: string): string => line.replaceAll(/\d+/g, '#').replace(/(\(#)(, #)*\)/, '$1...)');
    const ours = new Set(lines(zoneinfo(bootInProcess().k)).map(shape));
    // Since 2.6.24: one list per CPU, statistics indented deeper, another set of them, a wider start_pfn.
    const changed = /^ {6}\w|cpu:|boost|managed|cma|start_pfn|node_unreclaimable/;
    const shared = lines(real('zoneinfo')).filter((line) => !changed.test(line));
    expect(shared.length).toBeGreaterThan(20);
    for (const line of shared) expect(ours).toContain(shape(line));
  });
});

describe('the unusable free space index', () => {
  test('is 1 when nothing is free', () => {
    expect(unusableFraction([0, 0, 0], 0)).toBe(1);
    expect(unusableLine(3, 'DMA', [])).toBe(`Node 3, zone      DMA ${'1.000 '.repeat(11)}\n`);
  });

  test('is the part of free memory in smaller blocks', () => {
    expect(unusableFraction([4, 0, 1], 0)).toBe(0);
    expect(unusableFraction([4, 0, 1], 1)).toBe(0.5);
    expect(unusableFraction([4, 0, 1], 2)).toBe(0.5);
    expect(unusableFraction([4, 0, 1], 3)).toBe(1);
  });
});

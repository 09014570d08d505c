import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  alignUp,
  array,
  bytes,
  CACHE_LINE_WORDS,
  double,
  type FieldType,
  lineStart,
  struct,
  word,
} from '../../src/image/struct.js';

describe('struct layouts', () => {
  const POINT = struct('point', { x: word, y: word });
  const MIXED = struct('mixed', {
    first: word,
    total: double,
    points: array(POINT, 3),
    name: bytes(5),
    last: word,
  });

  test('fields follow one another, each at its alignment', () => {
    expect(MIXED.at).toEqual({ first: 0, total: 2, points: 4, name: 10, last: 12 });
  });

  test('the whole is padded to the strictest alignment of its fields', () => {
    expect(MIXED.align).toBe(2);
    expect(MIXED.words).toBe(14);
    expect(POINT.words).toBe(2);
  });

  test('bytes take whole words', () => {
    expect([0, 1, 4, 5, 8].map((length) => bytes(length).words)).toEqual([0, 1, 1, 2, 2]);
  });

  test('a line start puts what follows on a cache line of its own', () => {
    const lines = struct('lines', { a: word, line: lineStart, b: word, end: lineStart });
    expect(lines.at).toMatchObject({ a: 0, line: CACHE_LINE_WORDS, b: CACHE_LINE_WORDS });
    expect(lines.words).toBe(2 * CACHE_LINE_WORDS);
    expect(lines.align).toBe(CACHE_LINE_WORDS);
  });

  test('an array inside a struct keeps the alignment of its elements', () => {
    const outer = struct('outer', { flag: word, sums: array(double, 2) });
    expect(outer.at.sums).toBe(2);
    expect(outer.words).toBe(6);
  });

  test.each([
    [0, '.first'],
    [1, '.<padding 1>'],
    [2, '.total'],
    [3, '.total'],
    [4, '.points[0].x'],
    [9, '.points[2].y'],
    [10, '.name[0]'],
    [11, '.name[4]'],
    [12, '.last'],
    [13, '.<padding 13>'],
  ])('word %i is named %s', (offset, name) => {
    expect(MIXED.nameAt(offset)).toBe(name);
  });

  test('nested structs are named level by level', () => {
    const area = struct('area', { list: array(word, 2), nr: word });
    const zone = struct('zone', { lock: word, areas: array(area, 4) });
    expect(zone.nameAt(zone.at.areas + 3 * area.words + area.at.nr)).toBe('.areas[3].nr');
    expect(zone.nameAt(zone.at.areas + area.words + 1)).toBe('.areas[1].list[1]');
  });

  test('no two fields of any layout share a word, and every word of a field decodes to that field', () => {
    const leaf = fc.constantFrom<FieldType>(word, double, lineStart, bytes(3), bytes(9));
    const field = fc.oneof(
      leaf,
      fc.tuple(leaf, fc.integer({ min: 1, max: 4 })).map(([type, length]) => array(type, length)),
    );
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 8 }), (types) => {
        const fields = Object.fromEntries(types.map((type, i) => [`f${i}`, type]));
        const layout = struct('random', fields);
        let end = 0;
        types.forEach((type, i) => {
          const start = layout.at[`f${i}`];
          expect(start).toBeGreaterThanOrEqual(end);
          expect(start % type.align).toBe(0);
          for (let offset = start; offset < start + type.words; offset++) {
            expect(layout.nameAt(offset)).toMatch(new RegExp(`^\\.f${i}(\\[|$)`));
          }
          end = start + type.words;
        });
        expect(layout.words).toBeGreaterThanOrEqual(end);
        expect(layout.words).toBe(alignUp(end, layout.align));
      }),
    );
  });
});

test('alignUp rounds up to the next multiple', () => {
  expect([0, 1, 7, 8, 9].map((value) => alignUp(value, 8))).toEqual([0, 8, 8, 8, 16]);
  expect(alignUp(2 ** 40 + 1, 4096)).toBe(2 ** 40 + 4096);
});

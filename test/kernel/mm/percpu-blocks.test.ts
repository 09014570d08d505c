import { fc, test as propertyTest } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import {
  allFree,
  blocksValid,
  giveBlock,
  initBlocks,
  takeBlock,
} from '../../../src/kernel/mm/percpu-blocks.js';

const WORDS = 256;
const ROOM = 40;
const BLOCKS = 5;

function area(): Int32Array {
  const i32 = new Int32Array(BLOCKS + ROOM + 1);
  i32[BLOCKS + ROOM] = 0x5afe;
  initBlocks(i32, BLOCKS, WORDS);
  return i32;
}

const step = fc.oneof(
  fc.record({ take: fc.integer({ min: 1, max: 64 }), align: fc.constantFrom(1, 2, 4, 16, 64) }),
  fc.record({ give: fc.nat(20) }),
);

describe('the division of an area', () => {
  propertyTest.prop([fc.array(step, { maxLength: 60 })])(
    'gives out what is free, first fit, and merges',
    (steps) => {
      const i32 = area();
      const used = new Array<number>(WORDS).fill(0);
      const taken: { offset: number; words: number }[] = [];
      let mark = 0;
      for (const one of steps) {
        if ('take' in one) {
          const offset = takeBlock(i32, BLOCKS, ROOM, one.take, one.align);
          if (offset < 0) continue;
          expect(offset % one.align).toBe(0);
          expect(used.slice(offset, offset + one.take)).toEqual(Array(one.take).fill(0));
          const fits = (at: number): boolean => used.slice(at, at + one.take).every((owner) => owner === 0);
          for (let lower = 0; lower < offset; lower += one.align) expect(fits(lower)).toBe(false);
          used.fill(++mark, offset, offset + one.take);
          taken.push({ offset, words: one.take });
        } else if (taken.length > 0) {
          const [gone] = taken.splice(one.give % taken.length, 1);
          expect(giveBlock(i32, BLOCKS, gone.offset)).toBe(gone.words);
          expect(giveBlock(i32, BLOCKS, gone.offset)).toBe(0);
          used.fill(0, gone.offset, gone.offset + gone.words);
        }
        expect(blocksValid(i32, BLOCKS, ROOM, WORDS)).toBe(true);
        expect(allFree(i32, BLOCKS)).toBe(taken.length === 0);
        expect(i32[BLOCKS + ROOM]).toBe(0x5afe);
      }
    },
  );

  test('is full when its own room is', () => {
    const i32 = area();
    let count = 0;
    while (takeBlock(i32, BLOCKS, ROOM, 1, 1) >= 0) count++;
    expect(count).toBe(ROOM - 2);
    expect(i32[BLOCKS + ROOM]).toBe(0x5afe);
  });
});

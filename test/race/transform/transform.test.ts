import { expect, test } from 'vitest';
import { drive, load } from './support.js';

test('a function gets a twin that pauses before each access', async () => {
  const { exports, runtime } = await load(`
    export function move(view, from, to) {
      const value = view[from];
      view[to] = value + 1;
      view[to] += 2;
      return view[to]++;
    }`);
  runtime.yieldsAt = () => true;
  const view = new Int32Array(4);
  view[1] = 10;
  expect(drive(exports.move, view, 1, 2)).toBe(13);
  expect([...view]).toEqual([0, 10, 14, 0]);
  expect(runtime.log).toEqual(['r 1', 'w 2 = 11', 'r 2', 'w 2 = 13', 'r 2', 'w 2 = 14']);
  expect(runtime.hidden).toEqual([]);
});

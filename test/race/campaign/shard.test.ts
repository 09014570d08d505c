import { expect, it } from 'vitest';
import { parseShard, shardSeeds } from '../../../src/race/campaign/shard.js';

it.each(['0/2', '3/2', '1', '1/', '/2', '1/0', 'a/b', '1/2/3', '-1/2', '1.5/2'])(
  'takes %s for no shard',
  (text) => {
    expect(parseShard(text)).toBeUndefined();
  },
);

it('divides seeds: each belongs to one shard', () => {
  const seeds = ['1/3', '2/3', '3/3'].map((text) => [...shardSeeds(parseShard(text)!, 100, 8)]);
  expect(seeds).toEqual([
    [100, 103, 106],
    [101, 104, 107],
    [102, 105],
  ]);
});

it('leaves a shard empty when there are more of them than seeds', () => {
  expect([...shardSeeds({ index: 3, of: 3 }, 0, 2)]).toEqual([]);
});

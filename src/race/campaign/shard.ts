/** A part of a campaign over many seeds: every `of`-th of them. */
export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly of: number;
}

/** Reads `2/8`; undefined when it is no shard. */
export function parseShard(text: string): Shard | undefined {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const [index, of] = [Number(match?.[1]), Number(match?.[2])];
  return index >= 1 && index <= of ? { index, of } : undefined;
}

/** The seeds of a shard, of `count` seeds from `from` on. */
export function* shardSeeds(shard: Shard, from: number, count: number): Generator<number, void, undefined> {
  for (let i = shard.index - 1; i < count; i += shard.of) yield from + i;
}

import { GENERAL_SIZES } from '../kernel/slab/general-caches.js';

/** One of the sizes that kmalloc has objects of. */
export interface KmallocSize {
  /** The largest request that gets one (bytes). */
  readonly size: number;
  /** What an object takes, with what debugging adds (bytes). */
  readonly bytes: number;
}

/** What a replay has to know of a machine's slab allocator before it begins. */
export interface SlabFacts {
  /** In ascending order. */
  readonly kmallocSizes: readonly KmallocSize[];
  /** The caches that are there. */
  readonly cacheNames: readonly string[];
  /** How many nodes the machine has. */
  readonly nodes: number;
}

/** The largest object of kmalloc in 2.6.10 (bytes). */
const LARGEST_OF_2_6_10 = 131_072;

/** The kmalloc sizes up to the largest one of a machine, without debugging. */
export function kmallocSizes(largest: number): KmallocSize[] {
  return GENERAL_SIZES.filter((size) => size <= largest).map((size) => ({ size, bytes: size }));
}

/** A machine of one node on which nothing has created a cache. */
export const SLABS_OF_2_6_10: SlabFacts = {
  kmallocSizes: kmallocSizes(LARGEST_OF_2_6_10),
  cacheNames: [],
  nodes: 1,
};

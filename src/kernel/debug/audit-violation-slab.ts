import type { OnFrame, ZoneRef } from './audit-violation-pages.js';

/** What the audit can find in slab caches. */

/** A link of the chain of caches that its other end does not confirm. `cache` is empty for a link of the head. */
interface CacheChain {
  readonly kind: 'cache-chain';
  readonly cache: string;
  readonly link: 'next' | 'prev';
  readonly value: number;
}

export type SlabListName = 'partial' | 'full' | 'free';

/** A slab, by the word index of what describes it. */
interface OnSlab {
  readonly cache: string;
  readonly node: number;
  readonly slab: number;
}

/** A link of a list of slabs that its other end does not confirm. `slab` is 0 for a link of the head. */
interface SlabList extends OnSlab {
  readonly kind: 'slab-list';
  readonly list: SlabListName;
  readonly link: 'next' | 'prev';
  readonly value: number;
}

interface SlabField extends OnSlab {
  readonly kind: 'slab-field';
  readonly field: 's_mem' | 'nodeid';
  readonly value: number;
}

/** The chain of free objects leaves the slab or runs in a circle; `value` is its beginning. */
interface SlabChain extends OnSlab {
  readonly kind: 'slab-chain';
  readonly value: number;
}

/** Objects that are out, against those that are not on the chain of free ones. */
interface SlabInuse extends OnSlab {
  readonly kind: 'slab-inuse';
  readonly stored: number;
  readonly counted: number;
}

/** A slab in a list for fuller or emptier ones. */
interface SlabPlace extends OnSlab {
  readonly kind: 'slab-place';
  readonly list: SlabListName;
  readonly right: SlabListName;
}

/** A page of a slab that says otherwise. */
interface SlabPage extends OnFrame {
  readonly kind: 'slab-page';
  readonly cache: string;
  readonly slab: number;
  readonly problem: 'not PG_slab' | 'cache' | 'slab' | 'node' | 'of two slabs';
  readonly value: number;
}

/** A page with PG_slab that no slab has. */
interface SlabLost extends OnFrame {
  readonly kind: 'slab-lost';
  readonly cache: string;
  readonly slab: number;
}

interface FreeObjects {
  readonly kind: 'free-objects';
  readonly cache: string;
  readonly node: number;
  readonly stored: number;
  readonly counted: number;
}

/** A statistic of slabs' pages, with all that is not folded, against the pages. */
interface SlabPages extends ZoneRef {
  readonly kind: 'slab-pages';
  readonly item: string;
  readonly stored: number;
  readonly counted: number;
}

/** A number of an array of free objects. `array` says which: `cache size-64, array of CPU 1`. */
interface ArrayField {
  readonly kind: 'array-field';
  readonly array: string;
  readonly field: 'limit' | 'batchcount' | 'avail';
  readonly value: number;
  readonly most: number;
}

/** What is in an array and does not belong there, by its physical address. */
interface ArrayEntry {
  readonly kind: 'array-entry';
  readonly array: string;
  readonly entry: number;
  readonly physical: number;
  readonly problem: 'is no object' | 'is of another cache' | 'is of another node';
}

/** Where an object is. */
export type ObjectPlace =
  'in use' | 'in a free chain' | 'in an array' | 'in use by the allocator' | 'in use by a memory pool';

/** An object, by its physical address, in two places. */
interface ObjectTwice {
  readonly kind: 'object-twice';
  readonly cache: string;
  readonly node: number;
  readonly object: number;
  readonly first: ObjectPlace;
  readonly second: ObjectPlace;
}

/** An absent CPU that still has free objects. */
interface OfflineArray {
  readonly kind: 'offline-array';
  readonly cache: string;
  readonly cpu: number;
  readonly state: 'offline' | 'dead';
  readonly count: number;
}

/** What debugging has noted of an object, by its physical address, and is not so any more. */
interface ObjectDamaged {
  readonly kind: 'object-damaged';
  readonly cache: string;
  readonly node: number;
  readonly object: number;
  readonly place: ObjectPlace;
  readonly problem: 'mark' | 'poison' | 'red zone before' | 'red zone behind' | 'slack';
  /** The first byte that was written to, from the object's first one on: of its poison or slack, else -1. */
  readonly byte: number;
}

/** A memory pool, by its word index. */
interface OnPool {
  readonly pool: number;
}

/** A link of the chain of pools that its other end does not confirm. `pool` is 0 for a link of the head. */
interface PoolChain extends OnPool {
  readonly kind: 'mempool-chain';
  readonly link: 'next' | 'prev';
  readonly value: number;
}

interface PoolField extends OnPool {
  readonly kind: 'mempool-field';
  readonly field: 'magic' | 'min_nr' | 'curr_nr';
  readonly value: number;
}

/** An element of a reserve that cannot be one. */
interface PoolElement extends OnPool {
  readonly kind: 'mempool-element';
  readonly entry: number;
  readonly value: number;
  readonly problem: 'is NULL' | 'is no object' | 'is of another cache' | 'is no block in use';
}

export type SlabViolation =
  | CacheChain
  | SlabList
  | SlabField
  | SlabChain
  | SlabInuse
  | SlabPlace
  | SlabPage
  | SlabLost
  | FreeObjects
  | SlabPages
  | ArrayField
  | ArrayEntry
  | ObjectTwice
  | ObjectDamaged
  | OfflineArray
  | PoolChain
  | PoolField
  | PoolElement;

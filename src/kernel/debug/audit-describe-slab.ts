import type { ViolationOf } from './audit-violation.js';

/** What is wrong with the slab allocator, in words. Frames and zones are said by who calls these. */

type OnSlab = ViolationOf<'slab-inuse' | 'slab-field' | 'slab-chain' | 'slab-place'>;

export function describeSlab(v: OnSlab): string {
  const slab = `cache ${v.cache}, node ${v.node}, slab ${v.slab}`;
  switch (v.kind) {
    case 'slab-field':
      return `${slab}: its ${v.field} is ${v.value}, which cannot be`;
    case 'slab-chain':
      return `${slab}: the chain of its free objects, from ${v.value} on, leaves it or runs in a circle`;
    case 'slab-inuse':
      return `${slab}: inuse is ${v.stored}, but ${v.counted} objects are not free`;
    case 'slab-place':
      return `${slab} is in slabs_${v.list}, but belongs into slabs_${v.right}`;
  }
}

export function describeCacheChain(v: ViolationOf<'cache-chain'>): string {
  const entry = v.cache === '' ? 'the head' : v.cache;
  return `the chain of caches: the ${v.link} link of ${entry} is ${v.value}, which does not link back`;
}

export function describeSlabList(v: ViolationOf<'slab-list'>): string {
  const entry = v.slab === 0 ? 'the head' : `slab ${v.slab}`;
  return (
    `cache ${v.cache}, node ${v.node}, slabs_${v.list}: the ${v.link} link of ${entry} is ${v.value}, ` +
    'which does not link back'
  );
}

/** What a page says that is of a slab. */
export function slabPageProblem(v: ViolationOf<'slab-page'>): string {
  const slab = `slab ${v.slab} of cache ${v.cache}`;
  switch (v.problem) {
    case 'not PG_slab':
      return `is of ${slab}, but has no PG_slab`;
    case 'cache':
      return `is of ${slab}, but says it is of cache ${v.value}`;
    case 'slab':
      return `is of ${slab}, but says it is of slab ${v.value}`;
    case 'node':
      return `is of ${slab}, which is of another node`;
    case 'of two slabs':
      return `is of ${slab}, and of slab ${v.value}`;
  }
}

export function describeArrayField(v: ViolationOf<'array-field'>): string {
  const rule = v.most === Infinity ? 'which cannot be' : `but can be ${v.most} at most`;
  return `${v.array}: its ${v.field} is ${v.value}, ${rule}`;
}

export function describeArrayEntry(v: ViolationOf<'array-entry'>): string {
  return `${v.array}: entry ${v.entry}, physical 0x${v.physical.toString(16)}, ${v.problem}`;
}

export function describeObjectTwice(v: ViolationOf<'object-twice'>): string {
  return (
    `cache ${v.cache}, node ${v.node}: the object at physical 0x${v.object.toString(16)} is in two places: ` +
    `${v.first} and ${v.second}`
  );
}

export function describeObjectDamaged(v: ViolationOf<'object-damaged'>): string {
  return (
    `cache ${v.cache}, node ${v.node}: the object at physical 0x${v.object.toString(16)}, ${v.place}: ` +
    damage(v)
  );
}

function damage(v: ViolationOf<'object-damaged'>): string {
  switch (v.problem) {
    case 'mark':
      return 'its mark says that it is in use';
    case 'poison':
      return `its byte ${v.byte} was written to while it was free`;
    case 'slack':
      return `its byte ${v.byte} was written to, which its user has not asked for`;
    case 'red zone before':
    case 'red zone behind':
      return `the ${v.problem} it was written to`;
  }
}

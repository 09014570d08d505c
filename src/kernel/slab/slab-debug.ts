import { formatAddress } from '../../arch/address-space.js';
import { readOnce } from '../core/access-once.js';
import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { DEBUG_FAULTS } from '../core/kernel-data.js';
import { virt_to_page } from '../mm/address.js';
import { __GFP_WAIT, __GFP_ZERO, type gfp_t } from '../mm/gfp.js';
import { PAGE, pageOf } from '../mm/page.js';
import { kmem_cache_name } from './cache-name.js';
import {
  hasRedZones,
  isObjectNumber,
  objectAt,
  objectInSlot,
  objectNumber,
  paddedSize,
  type SlabObject,
} from './debug-layout.js';
import {
  checkPoison,
  checkRedZones,
  checkSlack,
  describeRedZones,
  fillSlack,
  isPoisoned,
  poisonObject,
  setRedZones,
} from './debug-poison.js';
import {
  describeUsers,
  slackOf,
  storeAllocation,
  storeFree,
  storeNoUser,
  storeSlack,
  userTrace,
} from './debug-users.js';
import {
  BUFCTL_ACTIVE,
  BUFCTL_END,
  BUFCTL_FREE,
  BUFCTL_INTERNAL,
  BUFCTL_LEAKED,
  isUsers,
  KMEM_CACHE,
  SLAB,
  slab_bufctl,
} from './kmem-cache.js';
import { slab_corrupted, slab_error } from './slab-error.js';
import {
  SLAB_CTOR_ATOMIC,
  SLAB_CTOR_CONSTRUCTOR,
  SLAB_CTOR_VERIFY,
  SLAB_DEBUG_FREE,
  SLAB_DEBUG_INITIAL,
} from './slab-flags.js';

/**
 * What is done with each object of a debugged cache when it is made, allocated, freed and destroyed (facts file, section
 * 3.6). The bufctl of an object that is out tells who has it: BUFCTL_ACTIVE and BUFCTL_LEAKED a user, BUFCTL_INTERNAL the allocator itself,
 * anything else nobody. What the allocator has for itself uses the whole slot, so nothing in it is looked at while it is out.
 */

const {
  flags: FLAGS,
  looked_at: LOOKED_AT,
  obj_size: OBJ_SIZE,
  num: NUM,
  ctor: CTOR,
  dtor: DTOR,
} = KMEM_CACHE.at;

/** Whether the objects of a cache are looked at for another reason than that requests can be made to fail. */
export function isDebugged(k: Cpu, cache: number): boolean {
  return (k.i32[cache + LOOKED_AT] & ~DEBUG_FAULTS) !== 0;
}

// A slab's life

/** Prepares an object of a new slab, and constructs it unless that is done at each allocation. */
export function debugConstruct(k: Cpu, cache: number, slab: number, index: number, ctorFlags: number): void {
  const object = objectAt(k, cache, slab, index);
  setRedZones(k, object, false);
  storeNoUser(k, object);
  if (isPoisoned(k, cache)) poisonObject(k, object, true);
  else construct(k, object, ctorFlags, false);
}

/** Calls the constructor, and looks whether it stays in the object. */
function construct(k: Cpu, object: SlabObject, ctorFlags: number, isActive: boolean): void {
  const { cache } = object;
  const ctor = k.i32[cache + CTOR];
  if (ctor === 0) return;
  k.call(ctor, object.address, cache, ctorFlags);
  const { first, second } = checkRedZones(k, object, isActive);
  const report = (end: string): void => {
    slab_error(k, 'cache_init_objs', cache, `constructor overwrote the ${end} of an object`, [
      describeRedZones(k, object),
    ]);
  };
  if (!second) report('end');
  if (!first) report('start');
  if (!first || !second) setRedZones(k, object, isActive);
}

/** Looks at all objects of a slab that goes: nobody has any, so all must be as they were left. */
export function slab_destroy_debugcheck(k: Cpu, cache: number, slab: number): void {
  if ((k.i32[cache + FLAGS] & SLAB_DEBUG_FREE) !== 0) checkFreeChain(k, cache, slab);
  for (let index = 0; index < k.i32[cache + NUM]; index++) {
    const object = objectAt(k, cache, slab, index);
    if (isPoisoned(k, cache)) checkPoison(k, object);
    const { first, second } = checkRedZones(k, object, false);
    const report = (end: string): void => {
      slab_error(k, 'slab_destroy_objs', cache, `${end} of a freed object was overwritten`, [
        describeRedZones(k, object) + describeUsers(k, object, true),
      ]);
    };
    if (!first) report('start');
    if (!second) report('end');
  }
}

/** An object has come back into its slab. Under list_lock. */
export function slab_put_debugcheck(k: Cpu, cache: number, slab: number): void {
  if ((k.i32[cache + FLAGS] & SLAB_DEBUG_FREE) !== 0) checkFreeChain(k, cache, slab);
}

/**
 * The chain of a slab's free objects must have as many as are free, each of them once (SLAB_DEBUG_FREE).
 *
 * @throws KernelBug when it has not
 */
function checkFreeChain(k: Cpu, cache: number, slab: number): void {
  const { i32 } = k;
  const bufctl = slab_bufctl(k, slab);
  let left = i32[cache + NUM] - i32[slab + SLAB.at.inuse];
  let index = i32[slab + SLAB.at.free];
  for (; left > 0 && isObjectNumber(k, cache, index); left--) index = i32[bufctl + index];
  if (left !== 0 || index !== BUFCTL_END) slab_corrupted(k, cache, slab);
}

// Allocation

/**
 * An object goes out to a user (cache_alloc_debugcheck_after).
 *
 * @param size bytes that the user has asked for
 * @returns its kernel address
 */
export function debugAllocated(k: Cpu, cache: number, slot: number, gfp: gfp_t, size: number): number {
  const object = objectInSlot(k, cache, slot);
  // Before the object counts as being out: from then on its words are right at each moment when an audit can come.
  const trace = userTrace(k, cache);
  goesOut(k, object, BUFCTL_ACTIVE);
  setRedZones(k, object, true);
  const padded = paddedSize(k, cache);
  storeAllocation(k, object, trace, padded - size);
  if (isPoisoned(k, cache)) {
    poisonObject(k, object, false);
    construct(k, object, SLAB_CTOR_CONSTRUCTOR | ((gfp & __GFP_WAIT) === 0 ? SLAB_CTOR_ATOMIC : 0), true);
  }
  const start = object.word * 4;
  if ((gfp & __GFP_ZERO) !== 0) k.u8.fill(0, start, start + k.i32[cache + OBJ_SIZE]);
  if (hasRedZones(k, cache)) fillSlack(k, start + padded, slackOf(k, object));
  return object.address;
}

/** An object goes out to the allocator itself. */
export function debugAllocatedInternal(k: Cpu, cache: number, slot: number): void {
  goesOut(k, objectInSlot(k, cache, slot), BUFCTL_INTERNAL);
}

/** Marks an object as being out, and looks whether it was left alone while it was free. */
function goesOut(k: Cpu, object: SlabObject, state: number): void {
  const { cache } = object;
  const before = Atomics.exchange(k.i32, object.bufctl, state);
  if (isUsers(before) || before === BUFCTL_INTERNAL) slab_corrupted(k, cache, object.slab);
  if (isPoisoned(k, cache)) checkPoison(k, object);
  const { first, second } = checkRedZones(k, object, false);
  if (first && second) return;
  slab_error(
    k,
    'cache_alloc_debugcheck_after',
    cache,
    'double free, or memory outside object was overwritten',
    [describeRedZones(k, object) + describeUsers(k, object, true)],
  );
}

// Free

/**
 * An object comes back from a user (cache_free_debugcheck), of a debugged cache, or to another cache than its own.
 *
 * @param cache the cache that the user names
 * @param address in a page of a slab
 * @returns the object's slot
 * @throws KernelBug when it is no object that a user has of that cache
 */
export function cache_free_debugcheck(k: Cpu, cache: number, address: number): number {
  const object = userObject(k, cache, address);
  let before = Atomics.compareExchange(k.i32, object.bufctl, BUFCTL_ACTIVE, BUFCTL_FREE);
  if (before === BUFCTL_LEAKED)
    before = Atomics.compareExchange(k.i32, object.bufctl, BUFCTL_LEAKED, BUFCTL_FREE);
  if (!isUsers(before)) isNotOut(k, object, before);
  verifyOut(k, object, 'verify_redzone_free');
  storeFree(k, object);
  const ctor = k.i32[cache + CTOR];
  if ((k.i32[cache + FLAGS] & SLAB_DEBUG_INITIAL) !== 0 && ctor !== 0)
    k.call(ctor, address, cache, SLAB_CTOR_CONSTRUCTOR | SLAB_CTOR_VERIFY);
  if (isPoisoned(k, cache)) {
    const dtor = k.i32[cache + DTOR];
    if (dtor !== 0) k.call(dtor, address, cache, 0);
    poisonObject(k, object, true);
  }
  setRedZones(k, object, false);
  return object.slot;
}

/** An object comes back from the allocator itself. */
export function debugFreedInternal(k: Cpu, cache: number, slot: number): void {
  const object = objectInSlot(k, cache, slot);
  const before = Atomics.compareExchange(k.i32, object.bufctl, BUFCTL_INTERNAL, BUFCTL_FREE);
  if (before !== BUFCTL_INTERNAL) slab_corrupted(k, cache, object.slab);
  if (isPoisoned(k, cache)) poisonObject(k, object, true);
  setRedZones(k, object, false);
  storeNoUser(k, object);
}

/**
 * The object that begins at an address, which must be one of the cache. Also of caches that are not debugged.
 *
 * @param address in a page of a slab
 * @throws KernelBug when it is none
 */
export function userObject(k: Cpu, cache: number, address: number): SlabObject {
  const page = pageOf(k.i32, virt_to_page(k, address)) + PAGE.at.lru;
  const own = k.i32[page];
  const slab = k.i32[page + 1];
  const index = objectNumber(k, own, slab, address);
  const shown = formatAddress(k.space, address);
  const name = kmem_cache_name(k, own);
  if (!isObjectNumber(k, own, index)) {
    const number = Math.floor(index);
    if (!isObjectNumber(k, own, number)) BUG(k, `slab: ${shown} is no object of cache '${name}'`);
    const object = objectAt(k, own, slab, number);
    BUG(
      k,
      `slab: ${shown} is not the start of an object of cache '${name}': ` +
        `it lies ${address - object.address} bytes behind that of ${formatAddress(k.space, object.address)}` +
        describeUsers(k, object, !isUsers(k.i32[object.bufctl])),
    );
  }
  const object = objectAt(k, own, slab, index);
  if (own === cache) return object;
  return BUG(
    k,
    `slab: wrong cache: object ${shown} of cache '${name}' was freed to cache '${kmem_cache_name(k, cache)}'` +
      describeUsers(k, object, !isUsers(k.i32[object.bufctl])),
  );
}

/** @param state what the bufctl says instead */
function isNotOut(k: Cpu, object: SlabObject, state: number): never {
  const name = kmem_cache_name(k, object.cache);
  const shown = formatAddress(k.space, object.address);
  if (state === BUFCTL_INTERNAL)
    BUG(k, `slab: ${shown} of cache '${name}' belongs to the slab allocator itself`);
  return BUG(
    k,
    `slab: double free detected in cache '${name}', objp ${shown}.${describeUsers(k, object, true)}`,
  );
}

/** Looks whether a user has stayed within an object. */
function verifyOut(k: Cpu, object: SlabObject, where: string): void {
  const { cache } = object;
  if (!hasRedZones(k, cache)) return;
  const { first, second } = checkRedZones(k, object, true);
  const end = object.word * 4 + paddedSize(k, cache);
  const slack = slackOf(k, object);
  const at = checkSlack(k, object, end, slack);
  if (first && second && at < 0) return;
  const asked = paddedSize(k, cache) - slack;
  const lines = first && second ? [] : [describeRedZones(k, object)];
  if (at >= 0) lines.push(`byte ${at} was written to, of an object of ${asked} bytes`);
  slab_error(k, where, cache, 'double free, or memory outside object was overwritten', [
    lines.join('\n') + describeUsers(k, object, false),
  ]);
}

// What has changed its size

/** The object that begins at an address; it must be out. */
function objectOut(k: Cpu, cache: number, address: number): SlabObject {
  const object = userObject(k, cache, address);
  if (isUsers(readOnce(k, object.bufctl))) return object;
  return BUG(
    k,
    `slab: ${formatAddress(k.space, address)} of cache '${kmem_cache_name(k, cache)}' is not allocated` +
      describeUsers(k, object, true),
  );
}

/** Bytes of an object that its user asked for. */
export function requestedSize(k: Cpu, cache: number, address: number): number {
  return paddedSize(k, cache) - slackOf(k, objectOut(k, cache, address));
}

/** The user of an object wants another number of its bytes; those that are new are cleared with `__GFP_ZERO`. */
export function debugResize(k: Cpu, cache: number, address: number, size: number, gfp: gfp_t): void {
  const object = objectOut(k, cache, address);
  verifyOut(k, object, 'verify_redzone');
  const padded = paddedSize(k, cache);
  const start = object.word * 4;
  const before = padded - slackOf(k, object);
  if (size > before && (gfp & __GFP_ZERO) !== 0) k.u8.fill(0, start + before, start + size);
  storeSlack(k, object, padded - size);
  if (hasRedZones(k, cache)) fillSlack(k, start + padded, slackOf(k, object));
}

import type { Cpu } from '../core/cpu.js';
import { objectAt, paddedSize, type SlabObject } from '../slab/debug-layout.js';
import { brokenPoison, checkRedZones, checkSlack, isPoisoned } from '../slab/debug-poison.js';
import { slackOf } from '../slab/debug-users.js';
import { isUsers, KMEM_CACHE } from '../slab/kmem-cache.js';
import { SLAB_POISON, SLAB_RED_ZONE } from '../slab/slab-flags.js';
import { type AuditSlab, IN_ARRAY, ON_CHAIN, OWN, PLACES, type SlabLook } from './audit-slab-look.js';
import type { ViolationOf } from './audit-violation.js';

type Problem = Pick<ViolationOf<'object-damaged'>, 'problem' | 'byte'>;

/**
 * Looks at the objects of a slab of a debugged cache, when it is known where each is: whether what is free was left alone, and
 * whether the users of the others have stayed inside. Without debugging, nothing can be told of what objects contain.
 */
export function auditObjects(look: SlabLook, slab: AuditSlab): void {
  const { k } = look.run;
  const { cache, node } = slab;
  if ((k.i32[cache.word + KMEM_CACHE.at.flags] & (SLAB_RED_ZONE | SLAB_POISON)) === 0) return;
  for (let index = 0; index < cache.num; index++) {
    const place = look.placeOf({ slab, index });
    // What the allocator has for itself uses the whole slot.
    if (place === OWN) continue;
    const object = objectAt(k, cache.word, slab.word, index);
    const isFree = place === ON_CHAIN || place === IN_ARRAY;
    let problem: Problem | undefined;
    if (isFree) problem = damageOfFree(k, object);
    // Whoever has died in an allocation may have marked an object, and not yet written what belongs around it.
    else if (!look.hasTorn) problem = damageOfUsed(k, object);
    if (problem === undefined) continue;
    look.run.report({
      kind: 'object-damaged',
      cache: cache.name,
      node,
      object: object.slot * 4,
      place: PLACES[place],
      ...problem,
    });
  }
}

function damageOfFree(k: Cpu, object: SlabObject): Problem | undefined {
  if (isUsers(k.i32[object.bufctl])) return { problem: 'mark', byte: -1 };
  const byte = isPoisoned(k, object.cache) ? brokenPoison(k, object) : -1;
  return byte >= 0 ? { problem: 'poison', byte } : damagedRedZone(k, object, false);
}

/** An object on its way between a user and a list is marked as free already, and nothing more can be told. */
function damageOfUsed(k: Cpu, object: SlabObject): Problem | undefined {
  if (!isUsers(k.i32[object.bufctl])) return undefined;
  const byte = brokenSlack(k, object);
  return byte >= 0 ? { problem: 'slack', byte } : damagedRedZone(k, object, true);
}

/** A constructor may be running, before the bytes behind what was asked for are filled: caches with one are passed over. */
function brokenSlack(k: Cpu, object: SlabObject): number {
  const flags = k.i32[object.cache + KMEM_CACHE.at.flags];
  if ((flags & SLAB_RED_ZONE) === 0 || k.i32[object.cache + KMEM_CACHE.at.ctor] !== 0) return -1;
  const padded = paddedSize(k, object.cache);
  const slack = slackOf(k, object);
  if (!(slack >= 0 && slack <= padded)) return padded;
  return checkSlack(k, object, object.word * 4 + padded, slack);
}

function damagedRedZone(k: Cpu, object: SlabObject, isActive: boolean): Problem | undefined {
  const { first, second } = checkRedZones(k, object, isActive);
  if (first && second) return undefined;
  return { problem: first ? 'red zone behind' : 'red zone before', byte: -1 };
}

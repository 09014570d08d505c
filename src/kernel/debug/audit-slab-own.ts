import { type AuditObject, OWN, type SlabLook } from './audit-slab-look.js';

const FRAME_SHIFT = 10;

/**
 * Checks that what the allocator keeps for itself (caches, lists, arrays, descriptions of slabs) lies in objects that nobody
 * else has, or in boot memory.
 */
export function auditOwnStructures(look: SlabLook): void {
  for (const { word, words, what } of look.own) {
    const object = ownObject(look, word, words);
    if (object === undefined) look.reportStructure(what, word, 'lies in no object');
    else if (object !== 'unclear') look.mark(object, OWN);
  }
}

/** The object that a structure lies in; 'unclear' also for boot memory. */
export function ownObject(look: SlabLook, word: number, words: number): AuditObject | 'unclear' | undefined {
  const slot = look.slotOf(word);
  if (slot < 0) return undefined;
  const object = look.objectAt(slot);
  if (object === 'unclear') return 'unclear';
  if (object === 'no object') return look.isReserved(slot >>> FRAME_SHIFT) ? 'unclear' : undefined;
  return words <= object.slab.cache.words ? object : undefined;
}

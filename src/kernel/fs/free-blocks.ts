import type { Cpu } from '../core/cpu.js';
import { FREE_AREA, freeArea, MAX_ORDER, ZONE } from '../mm/zone.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';

/** Free blocks of a zone by order, over all migrate types, at one moment. Takes zone->lock. */
export function freeBlocks(k: Cpu, zone: number): number[] {
  const blocks: number[] = [];
  const flags = spin_lock_irqsave(k, zone + ZONE.at.lock);
  for (let order = 0; order < MAX_ORDER; order++) {
    blocks.push(k.i32[freeArea(zone, order) + FREE_AREA.at.nr_free]);
  }
  spin_unlock_irqrestore(k, zone + ZONE.at.lock, flags);
  return blocks;
}

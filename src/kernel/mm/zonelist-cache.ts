import { readOnce, writeOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { ZONELIST } from './zonelist.js';

/**
 * The zonelist cache (facts file, section 1.9): a zone that was found full is not looked at again for a second in
 * the first walk over the rest of a zonelist. The bits are hints, read and written by any CPU without a lock: a
 * deliberate race; a lost bit costs one more look at a full zone.
 */
const FULL_MS = 1000;
const LAST_ZAP = ZONELIST.at.last_full_zap;
const FULL = ZONELIST.at.full;
const ZONES = ZONELIST.at.zones;

/** Forgets what is older than a second; whether any zone is remembered as full. */
export function zlcSetup(k: Cpu, zonelist: number): boolean {
  const now = Math.floor(k.platform.now());
  if (now - readOnce(k, zonelist + LAST_ZAP) > FULL_MS) {
    for (let i = FULL; i < ZONES; i++) writeOnce(k, zonelist + i, 0);
    writeOnce(k, zonelist + LAST_ZAP, now);
    return false;
  }
  for (let i = FULL; i < ZONES; i++) if (readOnce(k, zonelist + i) !== 0) return true;
  return false;
}

export function zlcWorthTrying(k: Cpu, zonelist: number, index: number): boolean {
  return ((readOnce(k, zonelist + FULL + (index >>> 5)) >>> (index & 31)) & 1) === 0;
}

export function zlcMarkFull(k: Cpu, zonelist: number, index: number): void {
  const word = zonelist + FULL + (index >>> 5);
  writeOnce(k, word, readOnce(k, word) | (1 << (index & 31)));
}

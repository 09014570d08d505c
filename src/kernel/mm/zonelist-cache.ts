import type { Cpu } from '../core/cpu.js';
import { ZONELIST } from './zonelist.js';

/**
 * The zonelist cache (facts file, section 1.9): a zone that was found full is not looked at again for a second in
 * the first walk over the rest of a zonelist. The bits are hints, written by any CPU with plain stores: a deliberate
 * race; a lost bit costs one more look at a full zone.
 */
const FULL_MS = 1000;
const LAST_ZAP = ZONELIST.at.last_full_zap;
const FULL = ZONELIST.at.full;
const ZONES = ZONELIST.at.zones;

/** Forgets what is older than a second; whether any zone is remembered as full. */
export function zlcSetup(k: Cpu, zonelist: number): boolean {
  const { i32 } = k;
  const now = Math.floor(k.platform.now());
  if (now - i32[zonelist + LAST_ZAP] > FULL_MS) {
    i32.fill(0, zonelist + FULL, zonelist + ZONES);
    i32[zonelist + LAST_ZAP] = now;
    return false;
  }
  for (let i = FULL; i < ZONES; i++) if (i32[zonelist + i] !== 0) return true;
  return false;
}

export function zlcWorthTrying(k: Cpu, zonelist: number, index: number): boolean {
  return ((k.i32[zonelist + FULL + (index >>> 5)] >>> (index & 31)) & 1) === 0;
}

export function zlcMarkFull(k: Cpu, zonelist: number, index: number): void {
  k.i32[zonelist + FULL + (index >>> 5)] |= 1 << (index & 31);
}

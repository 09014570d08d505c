import { SECTION_PAGES_SHIFT } from '../../arch/page.js';
import { WORD_BYTES } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { DEBUG_PAGE_OWNER, KERNEL } from '../core/kernel-data.js';
import { DEPOT_BYTES } from '../core/stack-depot.js';
import { describeOwner, PAGE_OWNER } from '../mm/page-owner.js';
import type { AuditRun } from './audit-run.js';
import { slabOfFrame } from './name-of-slab.js';

/** Offset of the length of its text in an entry of the stack depot. */
const TEXT_BYTES = 2;
const DEPOT_WORDS = DEPOT_BYTES / WORD_BYTES;

/** Adds to each violation of a frame of which slab it is, and with debug.pageOwner who allocated it last. */
export function nameOwners(run: AuditRun): void {
  for (const violation of run.violations) {
    if (!('frame' in violation) || !('zone' in violation)) continue;
    const owner = ownerOf(run.k, violation.frame, !('cache' in violation));
    if (owner !== '') violation.owner = owner;
  }
}

function ownerOf(k: Cpu, frame: number, saySlab: boolean): string {
  const slab = saySlab ? slabOfFrame(k, frame) : undefined;
  const isRecorded = (k.debug & DEBUG_PAGE_OWNER) !== 0 && isReadable(k, frame);
  const owner = isRecorded ? describeOwner(k, frame) : '';
  if (slab === undefined) return owner;
  return owner === '' ? slab : `${slab}\n${owner}`;
}

/** Whether a frame was ever allocated, and its record and the call trace in it can be real ones. */
function isReadable(k: Cpu, frame: number): boolean {
  const { i32 } = k;
  const owners = i32[KERNEL.section_owner + (frame >>> SECTION_PAGES_SHIFT)];
  const record = owners + frame * PAGE_OWNER.words;
  if (owners === 0 || !(record > 0 && record + PAGE_OWNER.words <= i32.length)) return false;
  const depot = i32[KERNEL.depot];
  const trace = i32[record + PAGE_OWNER.at.trace];
  const isTrace = depot > 0 && depot + DEPOT_WORDS <= i32.length && trace > 0 && trace < DEPOT_WORDS;
  if (!isTrace) return false;
  const bytes = i32[depot + trace + TEXT_BYTES];
  return bytes >= 0 && bytes <= DEPOT_BYTES - trace * WORD_BYTES;
}

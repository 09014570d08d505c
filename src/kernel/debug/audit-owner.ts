import { SECTION_PAGES_SHIFT } from '../../arch/page.js';
import { WORD_BYTES } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { DEBUG_PAGE_OWNER, KERNEL } from '../core/kernel-data.js';
import { DEPOT_BYTES } from '../core/stack-depot.js';
import { describeOwner, PAGE_OWNER } from '../mm/page-owner.js';
import type { AuditRun } from './audit-run.js';

/** Offset of the length of its text in an entry of the stack depot. */
const TEXT_BYTES = 2;
const DEPOT_WORDS = DEPOT_BYTES / WORD_BYTES;

/** With debug.pageOwner: adds to each violation of a frame who allocated that last. */
export function nameOwners(run: AuditRun): void {
  if ((run.k.debug & DEBUG_PAGE_OWNER) === 0) return;
  for (const violation of run.violations) {
    if (!('frame' in violation) || !('zone' in violation)) continue;
    if (isReadable(run.k, violation.frame)) violation.owner = describeOwner(run.k, violation.frame);
  }
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

import { SECTION_PAGES_SHIFT } from '../../arch/page.js';
import { DEBUG_PAGE_OWNER, KERNEL } from '../core/kernel-data.js';
import { PAGE_OWNER } from '../mm/page-owner.js';
import { MAX_ORDER } from '../mm/zone.js';
import { ANY_FREE, BLOCK_TAIL, IN_USE, NOWHERE, placeOf, TWICE, UNCLEAR } from './audit-place.js';
import type { AuditNode, AuditRun, AuditZone } from './audit-run.js';
import { isOwnerMap } from './audit-sections.js';

/**
 * Finds the frames that are lost. Only the first page of an allocated block has a reference; nothing in the others
 * tells them from lost ones. With debug.pageOwner the records say which blocks there are. Without, a frame is lost
 * only when no allocated block can have it.
 */
export function auditNowhere(run: AuditRun, node: AuditNode, zone: AuditZone): void {
  for (const range of zone.ram) {
    // A zone can begin in a section of another node.
    const owners = run.k.i32[KERNEL.section_owner + (range.start >>> SECTION_PAGES_SHIFT)];
    const hasRecords = (run.k.debug & DEBUG_PAGE_OWNER) !== 0 && isOwnerMap(run, node, owners);
    if (hasRecords) compareWithRecords(run, zone, owners, range.start, range.end);
    else guessBlocks(run, zone, range.start, range.end);
  }
}

function reportLost(run: AuditRun, zone: AuditZone, frame: number): void {
  run.report({ kind: 'lost', node: zone.node, zone: zone.zone, frame });
}

/** Without records: looks for the smallest block that can have a frame, with no frame in it that is not allocated. */
function guessBlocks(run: AuditRun, zone: AuditZone, start: number, end: number): void {
  const { places } = run;
  // No block reaches across these.
  let before = start - 1;
  let behind = start;
  for (let frame = start; frame < end; frame++) {
    const place = places[frame];
    if (!isOfBlock(place)) before = frame;
    if (place !== NOWHERE) continue;
    while (behind < end && (behind <= frame || isOfBlock(places[behind]))) behind++;
    let order = 1;
    while (order < MAX_ORDER && !isBlock(run, frame, order, before, behind)) order++;
    if (order < MAX_ORDER) places[frame] = BLOCK_TAIL;
    else reportLost(run, zone, frame);
  }
}

/** Whether a frame at this place can belong to an allocated block. */
function isOfBlock(place: number): boolean {
  return place === NOWHERE || place === IN_USE || place === BLOCK_TAIL || place === UNCLEAR;
}

function isBlock(run: AuditRun, frame: number, order: number, before: number, behind: number): boolean {
  const head = frame & -(1 << order);
  return head > before && head + (1 << order) <= behind && run.places[head] === IN_USE;
}

/** With records: every frame of an allocated block is in no list, and in no other block. */
function compareWithRecords(
  run: AuditRun,
  zone: AuditZone,
  owners: number,
  start: number,
  end: number,
): void {
  const { i32 } = run.k;
  let head = 0;
  let order = 0;
  let blockEnd = 0;
  for (let frame = start; frame < end; frame++) {
    const record = i32[owners + frame * PAGE_OWNER.words + PAGE_OWNER.at.order];
    const isTail = frame < blockEnd;
    if (isTail || record !== 0) {
      const place = run.places[frame];
      if (record !== 0 && !isRecord(zone, frame, record)) {
        run.report({ kind: 'owner-record', node: zone.node, zone: zone.zone, frame, value: record });
      } else if (record !== 0) {
        if (isTail) reportOverlap(run, zone, frame, { head, order }, record - 1);
        head = frame;
        order = record - 1;
        blockEnd = Math.max(blockEnd, frame + (1 << order));
      }
      if ((place & ANY_FREE) !== 0) {
        run.reportTwice(zone, frame, placeOf(place, 0), { in: 'block', head, order });
      } else if (place === NOWHERE && isTail && record === 0) run.places[frame] = BLOCK_TAIL;
    }
    if (run.places[frame] === NOWHERE) reportLost(run, zone, frame);
  }
}

/** Whether a block of the record's order can begin at a frame. */
function isRecord(zone: AuditZone, frame: number, record: number): boolean {
  if (record < 1 || record > MAX_ORDER) return false;
  const size = 1 << (record - 1);
  return (frame & (size - 1)) === 0 && frame + size <= zone.end;
}

/** A frame was handed out again while the block that it is in was not freed. */
function reportOverlap(
  run: AuditRun,
  zone: AuditZone,
  frame: number,
  block: { readonly head: number; readonly order: number },
  order: number,
): void {
  if ((run.places[frame] & TWICE) !== 0) return;
  run.reportTwice(zone, frame, { in: 'block', ...block }, { in: 'block', head: frame, order });
}

import { ALLOC_BAD_FLAGS } from '../mm/bad-page.js';
import { MAX_ORDER } from '../mm/zone.js';
import {
  PAGE,
  PG_buddy,
  PG_compound,
  PG_reserved,
  PG_TAIL_BITS,
  PG_ZONE_SHIFT,
  references,
  zoneBits,
} from '../mm/page.js';
import { auditCompoundHead, auditCompoundTail } from './audit-compound.js';
import {
  ANY_FREE,
  FREE_HEAD,
  freeHeadOrder,
  HOLE,
  IN_USE,
  NOWHERE,
  placeOf,
  RESERVED,
  TWICE,
  UNCLEAR,
} from './audit-place.js';
import type { AuditRun, AuditZone } from './audit-run.js';

const WORDS = PAGE.words;
const FLAGS = PAGE.at.flags;
const COUNT = PAGE.at._count;
const MAPCOUNT = PAGE.at._mapcount;
const MAPPING = PAGE.at.mapping;
const PRIVATE = PAGE.at.private;
const BUDDY_BIT = 1 << PG_buddy;
const RESERVED_BIT = 1 << PG_reserved;
const COMPOUND_BIT = 1 << PG_compound;
const ZONE_SHIFT = PG_ZONE_SHIFT;
/** No free page has any of these, the first page of a free block aside. */
const FREE_BAD = ALLOC_BAD_FLAGS | PG_TAIL_BITS;
const TOP_ORDER = MAX_ORDER - 1;

/** Marks the frames of a zone that are no RAM. Before the lists are walked. */
export function markHoles(run: AuditRun, zone: AuditZone): void {
  let at = zone.start;
  for (const range of zone.ram) {
    run.places.fill(HOLE, at, range.start);
    at = range.end;
  }
  run.places.fill(HOLE, at, zone.end);
  // Between the memory of this node can lie memory of others.
  for (const range of run.firmware?.ram ?? []) {
    const start = Math.max(range.start, zone.start);
    const end = Math.min(range.end, zone.end);
    if (start < end) run.places.fill(NOWHERE, start, end);
  }
}

/**
 * Looks at every struct page of a zone: whether that of a free page is as it must be, and what the pages are that
 * are not free. What is left without a place afterwards is behind the head of an allocated block, or lost.
 */
export function auditFrames(run: AuditRun, zone: AuditZone): void {
  let at = zone.start;
  for (const range of zone.ram) {
    auditHole(run, zone, at, range.start);
    auditRam(run, zone, range.start, range.end);
    at = range.end;
  }
  auditHole(run, zone, at, zone.end);
}

function auditHole(run: AuditRun, zone: AuditZone, start: number, end: number): void {
  const { i32 } = run.k;
  const bits = zoneBits(zone.type, zone.node) >>> ZONE_SHIFT;
  for (let frame = start; frame < end; frame++) {
    const flags = i32[zone.map + frame * WORDS + FLAGS];
    if (flags >>> ZONE_SHIFT !== bits) reportZone(run, zone, frame, flags);
    if ((flags & RESERVED_BIT) === 0 || (flags & BUDDY_BIT) !== 0) {
      run.report({ kind: 'hole-in-use', node: zone.node, zone: zone.zone, frame, flags });
    }
  }
}

function auditRam(run: AuditRun, zone: AuditZone, start: number, end: number): void {
  const { i32 } = run.k;
  const { places } = run;
  const bits = zoneBits(zone.type, zone.node) >>> ZONE_SHIFT;
  let page = zone.map + start * WORDS;
  for (let frame = start; frame < end; frame++, page += WORDS) {
    const flags = i32[page + FLAGS];
    if (flags >>> ZONE_SHIFT !== bits) reportZone(run, zone, frame, flags);
    const place = places[frame];
    if (place === NOWHERE) {
      classify(run, zone, frame, page, flags);
    } else if ((place & ANY_FREE) !== 0) {
      const wrong = i32[page + COUNT] | i32[page + MAPPING] | (i32[page + MAPCOUNT] + 1);
      const wanted = (place & ANY_FREE) === FREE_HEAD ? flags & BUDDY_BIT : 0;
      if (wrong !== 0 || (flags & FREE_BAD) !== wanted) auditFreePage(run, zone, frame, page, place);
    }
  }
}

/** A free page whose struct page is not as it must be. */
function auditFreePage(run: AuditRun, zone: AuditZone, frame: number, page: number, place: number): void {
  if ((place & TWICE) !== 0) return;
  const { i32 } = run.k;
  const flags = i32[page + FLAGS];
  const count = references(i32[page + COUNT]);
  const { node, zone: zoneName } = zone;
  const here = placeOf(place, count);
  const order = i32[page + PRIVATE];
  if ((flags & BUDDY_BIT) !== 0 && (place & ANY_FREE) !== FREE_HEAD) {
    run.report({ kind: 'stray-buddy', node, zone: zoneName, frame, place: here, order });
  }
  if (count > 0) run.reportTwice(zone, frame, here, { in: 'use', count });
  else if (count < 0) reportFree(run, zone, frame, place, '_count', count);
  if (i32[page + MAPCOUNT] !== -1) reportFree(run, zone, frame, place, '_mapcount', i32[page + MAPCOUNT]);
  if (i32[page + MAPPING] !== 0) reportFree(run, zone, frame, place, 'mapping', i32[page + MAPPING]);
  const bad = flags & FREE_BAD & ~BUDDY_BIT;
  if ((bad & RESERVED_BIT) !== 0) {
    run.report({ kind: 'reserved-free', node, zone: zoneName, frame, place: here });
  } else if (bad !== 0) {
    reportFree(run, zone, frame, place, 'flags', flags);
  }
}

type FreeField = '_count' | '_mapcount' | 'mapping' | 'flags';

function reportFree(
  run: AuditRun,
  zone: AuditZone,
  frame: number,
  place: number,
  field: FreeField,
  value: number,
): void {
  const { node, zone: zoneName } = zone;
  run.report({ kind: 'free-state', node, zone: zoneName, frame, place: placeOf(place, 0), field, value });
}

/** A page that is in no list. */
function classify(run: AuditRun, zone: AuditZone, frame: number, page: number, flags: number): void {
  const { i32 } = run.k;
  const count = i32[page + COUNT];
  if ((flags & RESERVED_BIT) !== 0) run.places[frame] = RESERVED;
  else if ((flags & PG_TAIL_BITS) === PG_TAIL_BITS) auditCompoundTail(run, zone, frame);
  else if (count < 0) {
    run.report({ kind: 'page-count', node: zone.node, zone: zone.zone, frame, count });
    run.places[frame] = IN_USE;
  } else if (count > 0) {
    run.places[frame] = IN_USE;
    if ((flags & COMPOUND_BIT) !== 0) auditCompoundHead(run, zone, frame);
  }
  if ((flags & BUDDY_BIT) !== 0) auditStray(run, zone, frame, page);
}

/** A page that says it heads a free block, but is in no list. */
function auditStray(run: AuditRun, zone: AuditZone, frame: number, page: number): void {
  const { i32 } = run.k;
  const order = i32[page + PRIVATE];
  const place = placeOf(run.places[frame], references(i32[page + COUNT]));
  run.report({ kind: 'stray-buddy', node: zone.node, zone: zone.zone, frame, place, order });
  if (run.places[frame] !== NOWHERE) return;
  // Probably the whole block was lost: one report is enough.
  const size = order >= 0 && order <= TOP_ORDER && (frame & ((1 << order) - 1)) === 0 ? 1 << order : 1;
  const end = Math.min(zone.end, frame + size);
  for (let f = frame; f < end; f++) {
    if (run.places[f] === NOWHERE && i32[zone.map + f * WORDS + COUNT] === 0) run.places[f] = UNCLEAR;
  }
}

function reportZone(run: AuditRun, zone: AuditZone, frame: number, flags: number): void {
  run.report({
    kind: 'page-zone',
    node: zone.node,
    zone: zone.zone,
    frame,
    bitsNode: flags >>> (ZONE_SHIFT + 3),
    bitsType: (flags >>> ZONE_SHIFT) & 7,
  });
}

/** Finds free blocks that should have been merged. */
export function auditBuddies(run: AuditRun, zone: AuditZone): void {
  const { places } = run;
  for (const range of zone.ram) {
    for (let frame = range.start; frame < range.end; frame++) {
      const order = freeHeadOrder(places[frame]);
      if (order < 0) continue;
      const buddy = frame ^ (1 << order);
      if (order < TOP_ORDER && buddy > frame && buddy < zone.end && freeHeadOrder(places[buddy]) === order) {
        run.report({ kind: 'unmerged', node: zone.node, zone: zone.zone, frame, buddy, order });
      }
      frame += (1 << order) - 1;
    }
  }
}

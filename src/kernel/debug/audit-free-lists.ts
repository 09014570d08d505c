import { KERNEL } from '../core/kernel-data.js';
import { MIGRATE_ISOLATE, MIGRATE_TYPES } from '../mm/gfp.js';
import { PAGE, PG_buddy } from '../mm/page.js';
import { FREE_AREA, freeArea, MAX_ORDER, ZONE } from '../mm/zone.js';
import { walkList } from './audit-list.js';
import { freeHead, freeListPlace, freeTail, NOWHERE, UNCLEAR } from './audit-place.js';
import type { AuditRun, AuditZone } from './audit-run.js';
import type { ViolationOf } from './audit-violation.js';

const BUDDY_BIT = 1 << PG_buddy;
const TOP_ORDER = MAX_ORDER - 1;

/** Walks all free lists of a zone: finds the free frames, and compares `nr_free` with the lists. */
export function auditFreeLists(run: AuditRun, zone: AuditZone): void {
  for (let order = 0; order < MAX_ORDER; order++) {
    const area = freeArea(zone.word, order);
    let counted = 0;
    let complete = true;
    for (let type = 0; type < MIGRATE_TYPES; type++) {
      const list = freeListPlace(order, type);
      const walked = walkList(run, zone, area + FREE_AREA.at.free_list + 2 * type, list);
      for (let i = 0; i < walked.frames.length; i++) auditBlock(run, zone, walked.frames[i], order, type);
      counted += walked.frames.length;
      complete &&= walked.complete;
    }
    const stored = run.k.i32[area + FREE_AREA.at.nr_free];
    if (complete && stored !== counted) {
      run.report({ kind: 'nr-free', node: zone.node, zone: zone.zone, order, stored, counted });
    }
    if (!complete) zone.exact = false;
  }
}

/** A block in a list: is it one of that size, and are its frames in no other place? */
function auditBlock(run: AuditRun, zone: AuditZone, frame: number, order: number, type: number): void {
  const { i32 } = run.k;
  const page = zone.map + frame * PAGE.words;
  const stored = i32[page + PAGE.at.private];
  const flags = i32[page + PAGE.at.flags];
  if ((flags & BUDDY_BIT) === 0) report(run, zone, frame, order, type, 'not PG_buddy', flags);
  const problem = sizeProblem(zone, frame, order, stored);
  if (problem !== undefined) {
    report(run, zone, frame, order, type, problem, stored);
    claimUnclear(run, zone, frame, Math.max(order, Math.min(stored, TOP_ORDER)));
    return;
  }
  const blockType = pageblockType(run, zone, frame);
  const isSane =
    i32[KERNEL.page_group_by_mobility_disabled] === 0
      ? type !== MIGRATE_ISOLATE || blockType === MIGRATE_ISOLATE
      : type === 0;
  if (!isSane) report(run, zone, frame, order, type, 'type', blockType);
  zone.free += 1 << order;
  run.claim(zone, frame, freeHead(order, type));
  const tail = freeTail(order, type);
  const { places } = run;
  for (let f = frame + 1; f < frame + (1 << order); f++) {
    if (places[f] === NOWHERE) places[f] = tail;
    else run.claim(zone, f, tail);
  }
}

type BlockProblem = ViolationOf<'free-block'>['problem'];

function sizeProblem(
  zone: AuditZone,
  frame: number,
  order: number,
  stored: number,
): BlockProblem | undefined {
  if (stored !== order) return 'order';
  if ((frame & ((1 << order) - 1)) !== 0) return 'alignment';
  return frame + (1 << order) > zone.end ? 'span' : undefined;
}

/** Nobody knows how many frames the block really has, so none of them is reported again. */
function claimUnclear(run: AuditRun, zone: AuditZone, frame: number, order: number): void {
  zone.exact = false;
  const end = Math.min(zone.end, frame + (1 << order));
  for (let f = frame; f < end; f++) if (run.places[f] === NOWHERE) run.places[f] = UNCLEAR;
}

function pageblockType(run: AuditRun, zone: AuditZone, frame: number): number {
  return run.k.i32[run.k.i32[zone.word + ZONE.at.pageblock_types] + (frame >>> run.pageblockOrder)];
}

function report(
  run: AuditRun,
  zone: AuditZone,
  frame: number,
  order: number,
  type: number,
  problem: BlockProblem,
  value: number,
): void {
  const list = freeListPlace(order, type);
  run.report({ kind: 'free-block', node: zone.node, zone: zone.zone, frame, list, problem, value });
}

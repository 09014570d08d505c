import { LIST_HEAD } from '../core/list.js';
import { PAGE, PG_compound, PG_TAIL_BITS } from '../mm/page.js';
import { MAX_ORDER } from '../mm/zone.js';
import { COMPOUND, NOWHERE, UNCLEAR } from './audit-place.js';
import type { AuditRun, AuditZone } from './audit-run.js';
import type { ViolationOf } from './audit-violation.js';

const WORDS = PAGE.words;
const FLAGS = PAGE.at.flags;
const PRIVATE = PAGE.at.private;
/** In the first tail. */
const ORDER = PAGE.at.lru + LIST_HEAD.at.prev;

/** The head of a compound page: claims its tails, which all must name it. */
export function auditCompoundHead(run: AuditRun, zone: AuditZone, head: number): void {
  const { i32 } = run.k;
  run.places[head] = COMPOUND;
  const page = zone.map + head * WORDS;
  const order = i32[page + WORDS + ORDER];
  if (!isOrder(zone, head, order)) {
    report(run, zone, head, 'order', head, order);
    return;
  }
  for (let frame = head + 1; frame < head + (1 << order); frame++) {
    const tail = zone.map + frame * WORDS;
    if ((i32[tail + FLAGS] & PG_TAIL_BITS) === PG_TAIL_BITS && i32[tail + PRIVATE] === head) {
      run.claim(zone, frame, COMPOUND);
    } else {
      report(run, zone, frame, 'tail', head, i32[tail + PRIVATE]);
      const isUnused = i32[tail + PAGE.at._count] === 0;
      if (run.places[frame] === NOWHERE && isUnused) run.places[frame] = UNCLEAR;
    }
  }
}

/** A tail that no head has claimed: it names a head that is none, or that does not reach so far. */
export function auditCompoundTail(run: AuditRun, zone: AuditZone, frame: number): void {
  run.places[frame] = COMPOUND;
  const head = run.k.i32[zone.map + frame * WORDS + PRIVATE];
  // What is wrong with a head that can be one has been said already.
  if (!isHead(run, zone, head, frame)) report(run, zone, frame, 'head', head, head);
}

/** Whether a head has a tail in its reach, so that it has reported what is wrong with that. */
function isHead(run: AuditRun, zone: AuditZone, head: number, tail: number): boolean {
  const { i32 } = run.k;
  if (!(head >= zone.start && head < tail)) return false;
  const page = zone.map + head * WORDS;
  if ((i32[page + FLAGS] & PG_TAIL_BITS) !== 1 << PG_compound) return false;
  const order = i32[page + WORDS + ORDER];
  return isOrder(zone, head, order) && tail < head + (1 << order);
}

function isOrder(zone: AuditZone, head: number, order: number): boolean {
  if (!(order >= 1 && order < MAX_ORDER)) return false;
  return (head & ((1 << order) - 1)) === 0 && head + (1 << order) <= zone.end;
}

function report(
  run: AuditRun,
  zone: AuditZone,
  frame: number,
  problem: ViolationOf<'compound'>['problem'],
  head: number,
  value: number,
): void {
  run.report({ kind: 'compound', node: zone.node, zone: zone.zone, frame, problem, head, value });
}

import { PAGE } from '../mm/page.js';
import type { AuditRun, AuditZone } from './audit-run.js';
import type { ListPlace } from './audit-violation-pages.js';

/** What a list has, as far as it could be followed. */
export interface WalkedList {
  readonly frames: readonly number[];
  /** Nothing is missing: the list was followed to its end, or from both ends to the one broken link. */
  readonly complete: boolean;
}

const LRU = PAGE.at.lru;
const WORDS = PAGE.words;

/**
 * Follows a list of pages, whatever is in it. A link is followed only when it leads to a page of the zone that
 * links back. So every entry has one predecessor, no list can run in a circle past its head, and no page can be in
 * two lists. At a broken link the other end of the list is followed backwards.
 *
 * @param head word index of the list_head
 */
export function walkList(run: AuditRun, zone: AuditZone, head: number, list: ListPlace): WalkedList {
  const { i32 } = run.k;
  const frames: number[] = [];
  // A bound for images that change while they are looked at.
  const most = zone.end - zone.start;
  let last = head;
  let link = i32[head];
  while (link !== head && frames.length < most) {
    const frame = frameOfLink(zone, link);
    if (frame === 0 || i32[link + 1] !== last) break;
    frames.push(frame);
    last = link;
    link = i32[link];
  }
  const isWhole = link === head && i32[head + 1] === last;
  const complete = isWhole || walkBack(run, zone, list, { head, last, link }, frames);
  run.lists++;
  run.listEntries += frames.length;
  return { frames, complete };
}

/** The frame whose list entry is at `link`; 0 when no page of the zone has it there. */
function frameOfLink(zone: AuditZone, link: number): number {
  const offset = link - LRU - zone.map;
  if (!(offset >= zone.start * WORDS && offset < zone.end * WORDS) || offset % WORDS !== 0) return 0;
  return offset / WORDS;
}

/**
 * Follows a list from its tail to where the way forward ended.
 *
 * @param broken the head, the last entry that was reached and its `next` link
 * @returns whether the two ways meet
 */
function walkBack(
  run: AuditRun,
  zone: AuditZone,
  list: ListPlace,
  broken: { readonly head: number; readonly last: number; readonly link: number },
  frames: number[],
): boolean {
  const { i32 } = run.k;
  const { head, last, link } = broken;
  const most = zone.end - zone.start;
  let after = head;
  let entry = i32[head + 1];
  while (entry !== last && entry !== head && frames.length < most) {
    const frame = frameOfLink(zone, entry);
    if (frame === 0 || i32[entry] !== after) break;
    frames.push(frame);
    after = entry;
    entry = i32[entry + 1];
  }
  // All but one link are right: it is known which.
  if (after === link) {
    reportLink(run, zone, list, head, after, 'prev');
    return true;
  }
  reportLink(run, zone, list, head, last, 'next');
  if (entry === last) return true;
  reportLink(run, zone, list, head, after, 'prev');
  return false;
}

function reportLink(
  run: AuditRun,
  zone: AuditZone,
  list: ListPlace,
  head: number,
  entry: number,
  link: 'next' | 'prev',
): void {
  run.report({
    kind: 'list-broken',
    node: zone.node,
    zone: zone.zone,
    list,
    frame: entry === head ? 0 : frameOfLink(zone, entry),
    link,
    value: run.k.i32[link === 'next' ? entry : entry + 1],
  });
}

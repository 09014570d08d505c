import { PAGE_WORDS } from '../../arch/page.js';
import type { AuditRun } from './audit-run.js';

/** A link that leads to no entry that links back. `entry` is the word index of the list_head that has it. */
export interface BrokenLink {
  readonly entry: number;
  readonly link: 'next' | 'prev';
  readonly value: number;
}

/** What a list has, as far as it could be followed. */
export interface WalkedLinks {
  /** Word indices of the entries' list_heads. */
  readonly entries: readonly number[];
  readonly broken: readonly BrokenLink[];
  /** Nothing is missing: the list was followed to its end, or from both ends to the one broken link. */
  readonly complete: boolean;
}

/**
 * Follows a list of structures that can lie anywhere, whatever is in it. As in `walkList`, a link is followed only when it
 * leads to an entry that links back: so no list runs in a circle past its head, and no entry is in two lists.
 *
 * @param head word index of the list_head
 * @param before words of the structure before its list_head, which must be memory
 * @param words words of the structure
 */
export function walkLinks(run: AuditRun, head: number, before: number, words: number): WalkedLinks {
  const { i32 } = run.k;
  const isEntry = (link: number): boolean =>
    link - before >= PAGE_WORDS && link - before + words <= i32.length;
  const entries: number[] = [];
  // A bound for images that change while they are looked at.
  const most = i32.length / words;
  let last = head;
  let link = i32[head];
  while (link !== head && isEntry(link) && i32[link + 1] === last && entries.length < most) {
    entries.push(link);
    last = link;
    link = i32[link];
  }
  run.lists++;
  const forward = entries.length;
  if (link === head && i32[head + 1] === last) {
    run.listEntries += forward;
    return { entries, broken: [], complete: true };
  }
  let after = head;
  let entry = i32[head + 1];
  while (
    entry !== last &&
    entry !== head &&
    isEntry(entry) &&
    i32[entry] === after &&
    entries.length < most
  ) {
    entries.push(entry);
    after = entry;
    entry = i32[entry + 1];
  }
  run.listEntries += entries.length;
  const next: BrokenLink = { entry: last, link: 'next', value: link };
  const prev: BrokenLink = { entry: after, link: 'prev', value: i32[after + 1] };
  // All but one link are right: it is known which.
  if (after === link) return { entries, broken: [prev], complete: true };
  if (entry === last) return { entries, broken: [next], complete: true };
  return { entries, broken: [next, prev], complete: false };
}

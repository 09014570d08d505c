import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import { struct, word } from '../../image/struct.js';

/**
 * The kernel's doubly linked circular list. A link is the word index of another list_head; a list is empty when its
 * head points to itself. Lists have no lock of their own: whoever protects the head protects the links.
 */
export const LIST_HEAD = struct('list_head', { next: word, prev: word });

const INDEX = WORD_INDEX_MASK;

/** Makes an empty list. */
export function INIT_LIST_HEAD(i32: Int32Array, head: number): void {
  i32[head] = head;
  i32[head + 1] = head;
}

/** Adds behind the head: first in, last out. */
export function list_add(i32: Int32Array, entry: number, head: number): void {
  const next = i32[head] & INDEX;
  i32[next + 1] = entry;
  i32[entry] = next;
  i32[entry + 1] = head;
  i32[head] = entry;
}

/** Adds before the head: first in, first out. */
export function list_add_tail(i32: Int32Array, entry: number, head: number): void {
  const prev = i32[head + 1];
  i32[head + 1] = entry;
  i32[entry] = head;
  i32[entry + 1] = prev;
  i32[prev] = entry;
}

/** Takes an entry out of whatever list it is in. Its links become 0: it is in no list. */
export function list_del(i32: Int32Array, entry: number): void {
  const next = i32[entry] & INDEX;
  const prev = i32[entry + 1] & INDEX;
  i32[prev] = next;
  i32[next + 1] = prev;
  i32[entry] = 0;
  i32[entry + 1] = 0;
}

/** {@link list_del} of the first entry, with less to read. */
export function listDelFirst(i32: Int32Array, entry: number, head: number): void {
  const next = i32[entry] & INDEX;
  i32[head] = next;
  i32[next + 1] = head;
  i32[entry] = 0;
  i32[entry + 1] = 0;
}

export function list_empty(i32: Int32Array, head: number): boolean {
  return i32[head] === head;
}

import { DASH, NEWLINE, SPACE, bytesOf, skipSpaces, skipWord, startsWith, textOf } from './ascii.js';
import { GfpFlagsParser } from './gfp-flags-parser.js';
import { ANY_NODE, EventKind, NO_KEY, NO_TEXT, type KmemEvent } from './kmem-event.js';
import { NO_NUMBER, NumberParser } from './number-parser.js';
import { TextNumbers } from './text-numbers.js';

/** The largest block that any configuration of Linux can give, as log2 of its pages, with some room to spare. */
const MAX_ORDER = 20;

/** No machine has a page frame with this number; -1 in the trace, however written, means that there was none. */
const FRAME_LIMIT = 2 ** 52;

/** No Linux has more nodes. */
const MAX_NODES = 1024;

/** Names of caches that are told apart. A Linux has some 200 caches; with memory control groups, thousands. */
const MAX_CACHES = 4096;

/** Call sites that are told apart. A trace has some hundreds; a Linux with all its modules, tens of thousands. */
const MAX_SITES = 32_768;

/** As much of a wrong value as an error message quotes (bytes). */
const MAX_QUOTED_BYTES = 64;

/** A field that is read: a bit in a set of fields, its name, and what its value must be. */
interface Field {
  readonly bit: number;
  readonly name: string;
  /** The name as it stands in the line, with the equals sign. */
  readonly bytes: Uint8Array;
  readonly expected: string;
}

function field(bit: number, name: string, expected: string): Field {
  return { bit, name, bytes: bytesOf(`${name}=`), expected };
}

const PFN = field(1, 'pfn', 'a page frame number, decimal or 0x and hexadecimal');
const ORDER = field(2, 'order', `a number from 0 to ${MAX_ORDER}`);
const GFP = field(4, 'gfp_flags', 'names joined by |, such as GFP_KERNEL|__GFP_ZERO');
const POINTER = field(8, 'ptr', 'an address of at most 16 hexadecimal digits, or (null)');
const REQUESTED = field(16, 'bytes_req', 'a number of bytes');
const ALLOCATED = field(32, 'bytes_alloc', 'a number of bytes');
const SITE = field(64, 'call_site', 'a function or an address');
const NAME = field(128, 'name', 'the name of a cache');
const NODE = field(256, 'node', 'the number of a node, or -1');
const FIELDS: readonly Field[] = [PFN, ORDER, GFP, POINTER, REQUESTED, ALLOCATED];

/** The fields that an event of each kind must have. */
const REQUIRED: Readonly<Record<EventKind, number>> = {
  [EventKind.other]: 0,
  [EventKind.pageAlloc]: PFN.bit | ORDER.bit | GFP.bit,
  [EventKind.pageFree]: PFN.bit | ORDER.bit,
  // Nothing is done with it but to count it.
  [EventKind.pageFreeRepeated]: 0,
  [EventKind.objectAlloc]: POINTER.bit | REQUESTED.bit | ALLOCATED.bit | GFP.bit,
  [EventKind.objectFree]: POINTER.bit,
  [EventKind.cacheAlloc]: POINTER.bit | REQUESTED.bit | ALLOCATED.bit | GFP.bit,
};

/** The fields that are read too if they come before the last one that must be there. */
const OPTIONAL: Readonly<Record<EventKind, number>> = {
  [EventKind.other]: 0,
  [EventKind.pageAlloc]: 0,
  [EventKind.pageFree]: 0,
  [EventKind.pageFreeRepeated]: 0,
  [EventKind.objectAlloc]: SITE.bit,
  [EventKind.objectFree]: 0,
  [EventKind.cacheAlloc]: SITE.bit | NAME.bit,
};

/** What a field that must be there lacks. */
export interface FieldProblem {
  readonly field: string;
  readonly found: string;
  readonly expected: string;
}

/** What {@link FieldParser.parse} returns when a field is missing or malformed. */
export const BROKEN_FIELD = -1;

/** Reads the `name=value` fields of an event that are needed, and passes over all others. */
export class FieldParser {
  readonly flags = new GfpFlagsParser();
  /** The names of caches. */
  readonly caches = new TextNumbers(MAX_CACHES, '(further caches)', 1024);
  /** The call sites. */
  readonly sites = new TextNumbers(MAX_SITES, '(further call sites)', 4096);
  /** What was wrong with the fields parsed last, after {@link BROKEN_FIELD}. */
  problem: FieldProblem = { field: '', found: '', expected: '' };

  readonly #numbers = new NumberParser();

  /**
   * Fills `event`, whose kind is given, from the fields that start at `start`.
   *
   * @returns the position after the last field that was needed, or {@link BROKEN_FIELD}
   */
  parse(bytes: Uint8Array, start: number, event: KmemEvent): number {
    let missing = REQUIRED[event.kind];
    let wanted = missing | OPTIONAL[event.kind];
    event.cache = NO_TEXT;
    event.site = NO_TEXT;
    let at = start;
    while (missing !== 0) {
      at = skipSpaces(bytes, at);
      if (bytes[at] === NEWLINE) return this.#reportMissing(missing);
      const found = fieldAt(bytes, at);
      if (found === undefined || (wanted & found.bit) === 0) {
        at = Math.max(skipWord(bytes, at), at + 1);
        continue;
      }
      const value = at + found.bytes.length;
      at = this.#parseValue(bytes, value, found, event);
      if (at === NO_NUMBER) return this.#reportMalformed(bytes, value, found);
      missing &= ~found.bit;
      wanted &= ~found.bit;
    }
    const isObject = event.kind === EventKind.objectAlloc || event.kind === EventKind.cacheAlloc;
    return isObject ? this.#parseNode(bytes, skipSpaces(bytes, at), event) : at;
  }

  /** Reads the node, which only newer kernels tell of each allocation, if it stands at `start`. */
  #parseNode(bytes: Uint8Array, start: number, event: KmemEvent): number {
    event.node = ANY_NODE;
    if (!startsWith(bytes, start, NODE.bytes)) return start;
    const value = start + NODE.bytes.length;
    if (bytes[value] === DASH) return skipWord(bytes, value);
    const end = this.#numbers.count(bytes, value);
    if (end === NO_NUMBER || this.#numbers.value >= MAX_NODES) {
      return this.#reportMalformed(bytes, value, NODE);
    }
    event.node = this.#numbers.value;
    return end;
  }

  /** Reads a call site, which has no blanks in it. */
  #parseSite(bytes: Uint8Array, start: number, event: KmemEvent): number {
    const end = skipWord(bytes, start);
    event.site = end > start ? this.sites.find(bytes, start, end) : NO_TEXT;
    return end;
  }

  /** Reads the name of a cache, which may have blanks in it: it ends before the next field, or with the line. */
  #parseName(bytes: Uint8Array, start: number, event: KmemEvent): number {
    let end = skipWord(bytes, start);
    while (bytes[end] === SPACE && !startsWith(bytes, end + 1, REQUESTED.bytes))
      end = skipWord(bytes, end + 1);
    event.cache = end > start ? this.caches.find(bytes, start, end) : NO_TEXT;
    return end;
  }

  /** Reads one value; returns the position after it, or NO_NUMBER. */
  #parseValue(bytes: Uint8Array, start: number, found: Field, event: KmemEvent): number {
    const numbers = this.#numbers;
    let end: number;
    switch (found.bit) {
      case PFN.bit:
        end = numbers.count(bytes, start);
        event.key = numbers.value < FRAME_LIMIT ? numbers.value : NO_KEY;
        return end;
      case ORDER.bit:
        end = numbers.count(bytes, start);
        event.order = numbers.value;
        return numbers.value <= MAX_ORDER ? end : NO_NUMBER;
      case GFP.bit:
        end = this.flags.parse(bytes, start);
        event.gfp = this.flags.mask;
        return end > start ? end : NO_NUMBER;
      case POINTER.bit:
        end = numbers.address(bytes, start);
        event.key = numbers.value;
        return end;
      case REQUESTED.bit:
        end = numbers.count(bytes, start);
        event.bytesRequested = numbers.value;
        return Number.isSafeInteger(numbers.value) ? end : NO_NUMBER;
      case SITE.bit:
        return this.#parseSite(bytes, start, event);
      case NAME.bit:
        return this.#parseName(bytes, start, event);
      default:
        end = numbers.count(bytes, start);
        event.bytesAllocated = numbers.value;
        return Number.isSafeInteger(numbers.value) ? end : NO_NUMBER;
    }
  }

  #reportMissing(missing: number): number {
    const first = FIELDS.find(({ bit }) => (missing & bit) !== 0) ?? PFN;
    this.problem = {
      field: first.name,
      found: 'the field is missing',
      expected: `expected ${first.name}= with ${first.expected}`,
    };
    return BROKEN_FIELD;
  }

  #reportMalformed(bytes: Uint8Array, start: number, found: Field): number {
    const text = textOf(bytes, start, Math.min(skipWord(bytes, start), start + MAX_QUOTED_BYTES));
    this.problem = {
      field: found.name,
      found: `malformed value "${text}"`,
      expected: `expected ${found.expected}`,
    };
    return BROKEN_FIELD;
  }
}

const LETTER = { b: 0x62, c: 0x63, g: 0x67, n: 0x6e, o: 0x6f, p: 0x70 } as const;

/** The needed field whose name stands at `start`, if there is one. */
function fieldAt(bytes: Uint8Array, start: number): Field | undefined {
  switch (bytes[start]) {
    case LETTER.p:
      if (startsWith(bytes, start, POINTER.bytes)) return POINTER;
      return startsWith(bytes, start, PFN.bytes) ? PFN : undefined;
    case LETTER.b:
      if (startsWith(bytes, start, REQUESTED.bytes)) return REQUESTED;
      return startsWith(bytes, start, ALLOCATED.bytes) ? ALLOCATED : undefined;
    case LETTER.o:
      return startsWith(bytes, start, ORDER.bytes) ? ORDER : undefined;
    case LETTER.c:
      return startsWith(bytes, start, SITE.bytes) ? SITE : undefined;
    case LETTER.n:
      return startsWith(bytes, start, NAME.bytes) ? NAME : undefined;
    case LETTER.g:
      return startsWith(bytes, start, GFP.bytes) ? GFP : undefined;
    default:
      return undefined;
  }
}

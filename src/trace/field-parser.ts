import { NEWLINE, bytesOf, skipSpaces, skipWord, startsWith, textOf } from './ascii.js';
import { GfpFlagsParser } from './gfp-flags-parser.js';
import { EventKind, NO_KEY, type KmemEvent } from './kmem-event.js';
import { NO_NUMBER, NumberParser } from './number-parser.js';

/** The largest block that any configuration of Linux can give, as log2 of its pages, with some room to spare. */
const MAX_ORDER = 20;

/** No machine has a page frame with this number; -1 in the trace, however written, means that there was none. */
const FRAME_LIMIT = 2 ** 52;

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
    let at = start;
    while (missing !== 0) {
      at = skipSpaces(bytes, at);
      if (bytes[at] === NEWLINE) return this.#reportMissing(missing);
      const found = fieldAt(bytes, at);
      if (found === undefined || (missing & found.bit) === 0) {
        at = Math.max(skipWord(bytes, at), at + 1);
        continue;
      }
      const value = at + found.bytes.length;
      at = this.#parseValue(bytes, value, found, event);
      if (at === NO_NUMBER) return this.#reportMalformed(bytes, value, found);
      missing &= ~found.bit;
    }
    return at;
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

const LETTER = { b: 0x62, g: 0x67, o: 0x6f, p: 0x70 } as const;

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
    case LETTER.g:
      return startsWith(bytes, start, GFP.bytes) ? GFP : undefined;
    default:
      return undefined;
  }
}

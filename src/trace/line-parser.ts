import {
  COLON,
  HASH,
  NEWLINE,
  SPACE,
  TAB,
  ZERO,
  bytesOf,
  findLineEnd,
  isDigit,
  skipSpaces,
  skipWord,
  startsWith,
  textOf,
} from './ascii.js';
import { hashStep } from './byte-string-cache.js';
import { EventNames } from './event-names.js';
import { BROKEN_FIELD, FieldParser } from './field-parser.js';
import { FrameParser, NO_FRAME } from './frame-parser.js';
import { EventKind, KmemEvent } from './kmem-event.js';
import { TraceError } from './trace-error.js';

const CPU_PREFIX = bytesOf('CPU:');
const LOST_PREFIX = bytesOf(' [LOST ');
const LOST_UNCOUNTED = bytesOf('EVENTS]');
const STACK_ENTRY = bytesOf('=> ');
const STACK_TRACE = bytesOf('<stack trace>');

/** As much of a wrong line as an error message quotes (bytes). */
const MAX_QUOTED_BYTES = 120;

const FRAME_EXPECTED =
  'expected "TASK-PID [CPU] FLAGS TIMESTAMP: EVENT: FIELDS" (ftrace) or "TASK PID [CPU] TIMESTAMP: EVENT: FIELDS" ' +
  '(perf script)';

/** Reads one line after the other, straight from the bytes. */
export class LineParser {
  /** The event of the line parsed last; of kind `other` unless the line was an event that is understood. */
  readonly event = new KmemEvent();
  readonly names = new EventNames();
  readonly fields = new FieldParser();
  /** The number of the line parsed last, from 1. */
  line = 0;
  /** Events that the kernel says it could not record, where it knows how many. */
  lostEvents = 0;
  /** How often the kernel says that it could not record events. */
  lostReports = 0;
  /** The highest CPU number of any event; -1 before the first. */
  highestCpu = -1;

  readonly #file: string;
  readonly #frame = new FrameParser();

  /** @param file name for error messages */
  constructor(file: string) {
    this.#file = file;
  }

  /**
   * Reads the line that starts at `start`. It must end with a line end.
   *
   * @returns the position of the next line
   * @throws TraceError of the kind `broken-line`
   */
  parse(bytes: Uint8Array, start: number): number {
    this.line++;
    this.event.kind = EventKind.other;
    const first = skipSpaces(bytes, start);
    const letter = bytes[first];
    // A tab begins an entry of a call chain in the output of perf script.
    if (letter <= SPACE || letter === HASH) {
      const isNoise = letter === HASH || letter === TAB || bytes[first] === NEWLINE || isBlank(bytes, first);
      if (!isNoise) this.#throwBrokenFrame(bytes, start);
      return findLineEnd(bytes, first) + 1;
    }
    const name = this.#frame.parse(bytes, start);
    if (name !== NO_FRAME) return findLineEnd(bytes, this.#parseEvent(bytes, start, name)) + 1;
    if (!this.#countLost(bytes, start) && !startsWith(bytes, first, STACK_ENTRY)) {
      this.#throwBrokenFrame(bytes, start);
    }
    return findLineEnd(bytes, first) + 1;
  }

  /** Reads name and fields; returns a position in the rest of the line. */
  #parseEvent(bytes: Uint8Array, start: number, nameStart: number): number {
    let hash = 0;
    let end = nameStart;
    for (; bytes[end] > SPACE; end++) hash = hashStep(hash, bytes[end]);
    const isNamed = end - 1 > nameStart && bytes[end - 1] === COLON;
    if (isNamed) end--;
    // The one thing that is printed like an event without being named like one.
    else if (startsWith(bytes, nameStart, STACK_TRACE)) end = nameStart + STACK_TRACE.length;
    else this.#throwBrokenName(bytes, start, nameStart);
    // The hash is that of the name with its colon; it only has to be the same for the same name.
    const name = this.names.find(bytes, nameStart, end, hash);
    name.count++;
    const event = this.event;
    event.cpu = this.#frame.cpu;
    if (event.cpu > this.highestCpu) this.highestCpu = event.cpu;
    if (name.kind === EventKind.other) return end;
    event.kind = name.kind;
    const rest = this.fields.parse(bytes, end + 1, event);
    if (rest === BROKEN_FIELD) this.#throwBrokenField(name.name);
    return rest;
  }

  /** Counts a report of lost events, `CPU:1 [LOST 1234 EVENTS]`; false if the line is something else. */
  #countLost(bytes: Uint8Array, start: number): boolean {
    if (!startsWith(bytes, start, CPU_PREFIX)) return false;
    let at = start + CPU_PREFIX.length;
    while (isDigit(bytes[at])) at++;
    if (!startsWith(bytes, at, LOST_PREFIX)) return false;
    at += LOST_PREFIX.length;
    let count = 0;
    for (; isDigit(bytes[at]); at++) count = count * 10 + bytes[at] - ZERO;
    if (!startsWith(bytes, skipSpaces(bytes, at), LOST_UNCOUNTED)) return false;
    this.lostEvents += count;
    this.lostReports++;
    return true;
  }

  #throwBrokenFrame(bytes: Uint8Array, start: number): never {
    const end = Math.min(findLineEnd(bytes, start), start + MAX_QUOTED_BYTES);
    throw this.#error('frame', `"${textOf(bytes, start, end)}" is not a line of a trace`, FRAME_EXPECTED);
  }

  #throwBrokenName(bytes: Uint8Array, start: number, nameStart: number): never {
    const end = Math.min(skipWord(bytes, nameStart), start + MAX_QUOTED_BYTES);
    const found = `"${textOf(bytes, nameStart, end)}" is not the name of an event`;
    throw this.#error('event', found, 'expected a name and a colon, such as mm_page_alloc:');
  }

  #throwBrokenField(event: string): never {
    const { field, found, expected } = this.fields.problem;
    throw new TraceError({
      problem: 'broken-line',
      file: this.#file,
      line: this.line,
      event,
      field,
      found,
      expected,
    });
  }

  #error(field: string, found: string, expected: string): TraceError {
    return new TraceError({
      problem: 'broken-line',
      file: this.#file,
      line: this.line,
      field,
      found,
      expected,
    });
  }
}

/** Whether nothing but blanks and control characters, such as a carriage return, is left of the line. */
function isBlank(bytes: Uint8Array, start: number): boolean {
  let at = start;
  while (bytes[at] <= SPACE && bytes[at] !== NEWLINE) at++;
  return bytes[at] === NEWLINE;
}

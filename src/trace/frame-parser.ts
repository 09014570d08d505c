import {
  CLOSE_BRACKET,
  CLOSE_PARENTHESIS,
  COLON,
  DASH,
  DOT,
  NEWLINE,
  OPEN_BRACKET,
  OPEN_PARENTHESIS,
  SLASH,
  SPACE,
  ZERO,
  isDigit,
  skipSpaces,
  skipWord,
} from './ascii.js';

/** Both frames pad the task's name, which is at most 15 bytes long, to this width (bytes). */
const NAME_WIDTH = 16;

/** The highest CPU number that any Linux can have. */
const MAX_CPU = 8191;

/** What {@link FrameParser.parse} returns when a line has no frame. */
export const NO_FRAME = -1;

/**
 * Reads what stands in front of an event, in both forms:
 *
 *     TASK-PID      (TGID) [CPU] FLAGS TIMESTAMP: EVENT: FIELDS      ftrace, TGID and FLAGS may be missing
 *     TASK PID/TID [CPU] TIMESTAMP: EVENT: FIELDS                    perf script, /TID may be missing
 *
 * A task's name can contain every character, also all those of the frame. The frame is what surrounds the CPU's
 * brackets; where a name looks like one itself, the padding of the name decides.
 */
export class FrameParser {
  /** The CPU of the line parsed last. */
  cpu = 0;

  /**
   * Finds the frame of the line that starts at `start`.
   *
   * @returns the position of the event's name, or {@link NO_FRAME}
   */
  parse(bytes: Uint8Array, start: number): number {
    let early = NO_FRAME;
    let earlyCpu = 0;
    for (let at = start; bytes[at] !== NEWLINE; at++) {
      if (bytes[at] !== OPEN_BRACKET) continue;
      const name = this.#frameAround(bytes, start, at);
      if (name === NO_FRAME) continue;
      const inPaddedName = at - start <= NAME_WIDTH && isNameEnd(bytes[start + NAME_WIDTH]);
      if (!inPaddedName) return name;
      if (early === NO_FRAME) {
        early = name;
        earlyCpu = this.cpu;
      }
    }
    this.cpu = earlyCpu;
    return early;
  }

  /** The position of the event's name if the bracket at `open` is that of a CPU, or NO_FRAME. */
  #frameAround(bytes: Uint8Array, start: number, open: number): number {
    let cpu = 0;
    let at = open + 1;
    for (; isDigit(bytes[at]) && cpu <= MAX_CPU; at++) cpu = cpu * 10 + bytes[at] - ZERO;
    if (at === open + 1 || cpu > MAX_CPU) return NO_FRAME;
    if (bytes[at] !== CLOSE_BRACKET || bytes[at + 1] !== SPACE) return NO_FRAME;
    if (!followsTask(bytes, start, open)) return NO_FRAME;
    this.cpu = cpu;
    return skipTime(bytes, skipSpaces(bytes, at + 1));
  }
}

/** Whether the byte separates a padded name from the process number. */
function isNameEnd(byte: number): boolean {
  return byte === DASH || byte === SPACE;
}

/** Whether a process number, perhaps with a TGID, stands before the bracket. */
function followsTask(bytes: Uint8Array, start: number, open: number): boolean {
  let at = skipSpacesBack(bytes, start, open - 1);
  if (bytes[at] === CLOSE_PARENTHESIS) {
    while (at > start && bytes[at] !== OPEN_PARENTHESIS) at--;
    at = skipSpacesBack(bytes, start, at - 1);
  }
  let first = skipDigitsBack(bytes, start, at);
  if (first === at) return false;
  if (bytes[first] === SLASH) {
    const slash = first;
    first = skipDigitsBack(bytes, start, slash - 1);
    if (first === slash - 1) return false;
  }
  return first > start && isNameEnd(bytes[first]);
}

function skipSpacesBack(bytes: Uint8Array, start: number, from: number): number {
  let at = from;
  while (at > start && bytes[at] === SPACE) at--;
  return at;
}

function skipDigitsBack(bytes: Uint8Array, start: number, from: number): number {
  let at = from;
  while (at > start && isDigit(bytes[at])) at--;
  return at;
}

/** The position after flags, if any, and the timestamp with its colon, or NO_FRAME. */
function skipTime(bytes: Uint8Array, start: number): number {
  // No flag is a digit in the first column, which is about interrupts; every timestamp begins with one.
  const time = isDigit(bytes[start]) ? start : skipSpaces(bytes, skipWord(bytes, start));
  let at = time;
  while (isDigit(bytes[at])) at++;
  if (at === time) return NO_FRAME;
  // Some trace clocks have no fraction.
  if (bytes[at] === DOT) {
    at++;
    while (isDigit(bytes[at])) at++;
  }
  if (bytes[at] !== COLON || bytes[at + 1] !== SPACE) return NO_FRAME;
  return skipSpaces(bytes, at + 1);
}

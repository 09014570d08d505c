import type { Schedule, Segment } from '../engine/schedule.js';
import { MAX_THREADS } from '../engine/strategy.js';
import { count } from './count.js';
import { oneLine } from './plain-text.js';

/*
 * A schedule as text, to be pasted into a shell, an issue or a test:
 *
 *     g1.7f3a.0x12-1x3-0x_.n0x4-1
 *
 * `g1` is the version. `7f3a` is a hash of the scenario's name: a schedule means nothing to another scenario. Then the
 * segments, each a thread and the operations it executes before another one goes on, `_` for "to the end". Then, if any
 * were chosen, the numbers after an `n`, a repeated one as `0x4`: four times 0. Letters, digits, `.`, `-` and `_` are
 * all there is, so no shell needs quotes.
 */

const VERSION = 1;

/** Instead of the segments of a schedule that has none. */
const NO_SEGMENTS = 'none';

/** Operations of a last segment that goes on to the end. */
const TO_THE_END = '_';

/** Numbers that a schedule may have: a mistyped repetition must not fill the memory. */
const MAX_NUMBERS = 1_000_000;

/** More of a wrong text than this is not repeated in a message. */
const MAX_QUOTED = 40;

const WHOLE = /^(?:0|[1-9][0-9]*)$/;

/** A text that is no token, or one for something else. */
export class TokenError extends Error {
  override name = 'TokenError';
}

/** The text that stands for a schedule of the scenario. */
export function encodeToken(schedule: Schedule, scenarioName: string): string {
  const { segments, numbers } = schedule;
  segments.forEach((segment, index) => checkSegment(segment, index === segments.length - 1));
  const head = `g${VERSION}.${scenarioHash(scenarioName)}`;
  const body = segments.length === 0 ? NO_SEGMENTS : segments.map(encodeSegment).join('-');
  return numbers.length === 0 ? `${head}.${body}` : `${head}.${body}.n${encodeNumbers(numbers)}`;
}

/**
 * The schedule that a token stands for.
 *
 * @throws {TokenError} when the text is no token, or the token of another scenario
 */
export function decodeToken(text: string, scenarioName: string): Schedule {
  const parts = text.trim().split('.');
  checkHead(parts, scenarioName);
  const [, , body, tail] = parts;
  if (parts.length < 3 || body === '') {
    throw new TokenError('replay token: it ends before its schedule, maybe not all of it was copied');
  }
  if (parts.length > 4) {
    throw new TokenError(
      `replay token: ${quote(parts.slice(4).join('.'))} is too much: nothing follows the numbers`,
    );
  }
  const segments = body === NO_SEGMENTS ? [] : body.split('-').map(decodeSegment);
  return { segments, numbers: parts.length === 4 ? decodeNumbers(tail) : [] };
}

/** Four hexadecimal digits of a scenario's name (FNV-1a, folded). */
export function scenarioHash(name: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return ((hash ^ (hash >>> 16)) & 0xffff).toString(16).padStart(4, '0');
}

function checkHead(parts: readonly string[], scenarioName: string): void {
  const [version, hash = ''] = parts;
  if (!/^g[0-9]+$/.test(version)) {
    throw new TokenError(
      `replay token: ${quote(parts.join('.'))} is none: a token starts with 'g${VERSION}.', ` +
        `such as g${VERSION}.${scenarioHash(scenarioName)}.0x12-1x3-0x_`,
    );
  }
  if (version !== `g${VERSION}`) {
    throw new TokenError(
      `replay token: it has version ${quote(version)}, this gfp reads 'g${VERSION}': use the gfp that made it`,
    );
  }
  if (!/^[0-9a-f]{4}$/.test(hash)) {
    throw new TokenError(
      `replay token: ${quote(hash)} is no scenario: after 'g${VERSION}.' stand 4 hexadecimal digits, ` +
        `'${scenarioHash(scenarioName)}' for the scenario ${quote(scenarioName)}`,
    );
  }
  if (hash !== scenarioHash(scenarioName)) {
    throw new TokenError(
      `replay token: it belongs to another scenario ('${hash}'): tokens of ${quote(scenarioName)} start with ` +
        `'g${VERSION}.${scenarioHash(scenarioName)}.'. Was the scenario renamed?`,
    );
  }
}

/** A schedule that breaks its own rules is a bug of who made it, not of who typed it. */
function checkSegment({ thread, steps }: Segment, last: boolean): void {
  const threadIsRight = Number.isInteger(thread) && thread >= 0 && thread < MAX_THREADS;
  const stepsAreRight = (Number.isSafeInteger(steps) && steps >= 1) || (last && steps === Infinity);
  if (!threadIsRight || !stepsAreRight) {
    throw new RangeError(`no schedule has a segment of ${steps} steps of thread ${thread} there`);
  }
}

function encodeSegment({ thread, steps }: Segment): string {
  return `${thread}x${steps === Infinity ? TO_THE_END : steps}`;
}

function decodeSegment(text: string, index: number, all: readonly string[]): Segment {
  const where = `replay token: segment ${index + 1} of ${all.length}, ${quote(text)}`;
  const [thread, steps, ...rest] = text.split('x');
  if (rest.length > 0 || !WHOLE.test(thread) || !(steps === TO_THE_END || WHOLE.test(steps))) {
    throw new TokenError(
      `${where}: it must be a thread, 'x' and a number of operations, such as 0x12, or 0x_ to the end`,
    );
  }
  if (Number(thread) >= MAX_THREADS) {
    throw new TokenError(`${where}: threads are numbered from 0 to ${MAX_THREADS - 1}`);
  }
  if (steps === TO_THE_END) {
    if (index < all.length - 1) {
      throw new TokenError(`${where}: only the last segment goes on to the end ('${TO_THE_END}')`);
    }
    return { thread: Number(thread), steps: Infinity };
  }
  if (Number(steps) < 1 || !Number.isSafeInteger(Number(steps))) {
    throw new TokenError(`${where}: the number of operations must be from 1 to ${Number.MAX_SAFE_INTEGER}`);
  }
  return { thread: Number(thread), steps: Number(steps) };
}

function encodeNumbers(numbers: readonly number[]): string {
  if (numbers.length > MAX_NUMBERS) {
    throw new RangeError(`a schedule has at most ${MAX_NUMBERS} numbers, not ${numbers.length}`);
  }
  const items: string[] = [];
  for (let i = 0; i < numbers.length;) {
    const number = numbers[i];
    if (!Number.isSafeInteger(number) || number < 0) {
      throw new RangeError(`no schedule has the number ${number}`);
    }
    let end = i + 1;
    while (end < numbers.length && numbers[end] === number) end++;
    items.push(end - i === 1 ? String(number) : `${number}x${end - i}`);
    i = end;
  }
  return items.join('-');
}

function decodeNumbers(text: string): number[] {
  if (!text.startsWith('n')) {
    throw new TokenError(
      `replay token: ${quote(text)} must be numbers after an 'n', such as n0-1, or be left out`,
    );
  }
  const numbers: number[] = [];
  for (const item of text.slice(1).split('-')) {
    const where = `replay token: ${quote(item)} among the numbers`;
    const [number, times = '1', ...rest] = item.split('x');
    if (rest.length > 0 || !WHOLE.test(number) || !WHOLE.test(times) || Number(times) < 1) {
      throw new TokenError(`${where}: it must be a whole number such as 1, or a repeated one such as 0x4`);
    }
    if (!Number.isSafeInteger(Number(number))) {
      throw new TokenError(`${where}: it must be at most ${Number.MAX_SAFE_INTEGER}`);
    }
    if (numbers.length + Number(times) > MAX_NUMBERS) {
      throw new TokenError(`${where}: a schedule has at most ${count(MAX_NUMBERS)} numbers`);
    }
    for (let i = 0; i < Number(times); i++) numbers.push(Number(number));
  }
  return numbers;
}

function quote(text: string): string {
  const shown = oneLine(text);
  return shown.length > MAX_QUOTED ? `'${shown.slice(0, MAX_QUOTED)}...'` : `'${shown}'`;
}

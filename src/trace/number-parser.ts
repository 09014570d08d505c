import {
  CLOSE_PARENTHESIS,
  LOWER_X,
  NINE,
  OPEN_PARENTHESIS,
  SPACE,
  ZERO,
  bytesOf,
  skipSpaces,
  startsWith,
} from './ascii.js';

/** The value of each hexadecimal digit by its character code; {@link NO_DIGIT} for all other bytes. */
const NO_DIGIT = 255;
const hexDigits = new Uint8Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  hexDigits[digit.charCodeAt(0)] = value;
  hexDigits[digit.toUpperCase().charCodeAt(0)] = value;
}

/** An address has at most this many hexadecimal digits. */
const MAX_ADDRESS_DIGITS = 16;

/** The part of the upper word of an address that fits a double together with the lower word: 52 - 32 bits. */
const UPPER_MASK = 0xfffff;

/** 2 to the power of 32. */
const WORD = 0x1_0000_0000;

const HEX_PREFIX = bytesOf('0x');
const NULL_TEXTS = ['(null)', '(nil)'].map((text) => bytesOf(text));

/** What the methods of {@link NumberParser} return when there is no number. */
export const NO_NUMBER = -1;

/** Reads numbers that end at a blank or at the line end. The value is left in a field to avoid making objects. */
export class NumberParser {
  /** The number read last. */
  value = 0;

  /**
   * Reads a count: digits, or hexadecimal digits after `0x`. Beyond 2^53 the value is rounded.
   *
   * @returns the position after it, or {@link NO_NUMBER}
   */
  count(bytes: Uint8Array, start: number): number {
    if (startsWith(bytes, start, HEX_PREFIX)) return this.#hexCount(bytes, start + HEX_PREFIX.length);
    let value = 0;
    let at = start;
    for (; bytes[at] >= ZERO && bytes[at] <= NINE; at++) value = value * 10 + bytes[at] - ZERO;
    this.value = value;
    return at > start && bytes[at] <= SPACE ? at : NO_NUMBER;
  }

  /**
   * Reads an address of up to 64 bits, with or without `0x`, or the text of a NULL pointer (`(null)`, which older
   * kernels pad with blanks in front). The value is its low 52 bits.
   *
   * @returns the position after it, or {@link NO_NUMBER}
   */
  address(bytes: Uint8Array, start: number): number {
    if (bytes[start] === SPACE || bytes[start] === OPEN_PARENTHESIS) return this.#nullAddress(bytes, start);
    const first = bytes[start] === ZERO && bytes[start + 1] === LOWER_X ? start + 2 : start;
    let upper = 0;
    let lower = 0;
    let at = first;
    for (let digit = hexDigits[bytes[at]]; digit !== NO_DIGIT; digit = hexDigits[bytes[at]]) {
      upper = (upper << 4) | (lower >>> 28);
      lower = (lower << 4) | digit;
      at++;
    }
    this.value = (upper & UPPER_MASK) * WORD + (lower >>> 0);
    const digits = at - first;
    return digits > 0 && digits <= MAX_ADDRESS_DIGITS && bytes[at] <= SPACE ? at : NO_NUMBER;
  }

  #hexCount(bytes: Uint8Array, start: number): number {
    let value = 0;
    let at = start;
    for (let digit = hexDigits[bytes[at]]; digit !== NO_DIGIT; digit = hexDigits[bytes[at]]) {
      value = value * 16 + digit;
      at++;
    }
    this.value = value;
    return at > start && bytes[at] <= SPACE ? at : NO_NUMBER;
  }

  #nullAddress(bytes: Uint8Array, start: number): number {
    const open = skipSpaces(bytes, start);
    if (!NULL_TEXTS.some((text) => startsWith(bytes, open, text))) return NO_NUMBER;
    this.value = 0;
    let at = open;
    while (bytes[at] !== CLOSE_PARENTHESIS) at++;
    return at + 1;
  }
}

/** The characters that have a meaning in the frame or in the fields of a trace line. */
export const TAB = 0x09;
export const NEWLINE = 0x0a;
export const SPACE = 0x20;
export const HASH = 0x23;
export const OPEN_PARENTHESIS = 0x28;
export const CLOSE_PARENTHESIS = 0x29;
export const DASH = 0x2d;
export const DOT = 0x2e;
export const SLASH = 0x2f;
export const ZERO = 0x30;
export const NINE = 0x39;
export const COLON = 0x3a;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const LOWER_X = 0x78;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: false });

/** The bytes of an ASCII text. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of the bytes from start up to end, not included. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end));
}

/** Whether `wanted` stands at `start`. It must not contain a line end: comparing stops at the first difference. */
export function startsWith(bytes: Uint8Array, start: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) {
    if (bytes[start + i] !== wanted[i]) return false;
  }
  return true;
}

/** Whether the byte is one of the digits 0 to 9. */
export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/** The position of the first byte that is not a blank; a line end is not a blank. */
export function skipSpaces(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] === SPACE) at++;
  return at;
}

/** The position just after a word: of the first blank or control character, at the latest of the line end. */
export function skipWord(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] > SPACE) at++;
  return at;
}

/** The position of the line end at or after start. */
export function findLineEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] !== NEWLINE) at++;
  return at;
}

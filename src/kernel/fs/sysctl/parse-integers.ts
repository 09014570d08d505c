import { EINVAL, FileError } from '../file-error.js';

/** Largest value that a sysctl of type int holds. */
export const INT_MAX = 0x7fffffff;

/**
 * The decimal integers in what was written to a sysctl, separated by blanks.
 *
 * @param path for the error
 * @param most how many there may be; at least one must
 * @param least the smallest value that each may have
 * @throws FileError (-EINVAL) when the text is anything else, or a number does not fit the range
 */
export function parseIntegers(path: string, text: string, most: number, least: number): number[] {
  const trimmed = text.trim();
  const words = trimmed === '' ? [] : trimmed.split(/\s+/);
  const wanted = `write ${most === 1 ? 'one integer' : `1 to ${most} integers`} from ${least} to ${INT_MAX}`;
  if (words.length === 0) throw new FileError(path, EINVAL, `nothing was written; ${wanted}`);
  if (words.length > most) {
    throw new FileError(path, EINVAL, `"${trimmed}" are ${words.length} values; ${wanted}`);
  }
  const values: number[] = [];
  for (const word of words) {
    const value = /^[+-]?\d+$/.test(word) ? Number(word) : NaN;
    if (!(value >= least && value <= INT_MAX)) {
      throw new FileError(path, EINVAL, `"${word}" is not a value for it; ${wanted}`);
    }
    values.push(value);
  }
  return values;
}

import { InvalidArgumentError } from 'commander';
import { UsageError } from './output.js';

/** A day. */
const MAX_SECONDS = 86_400;

/** Reads a whole number in decimal or, after 0x, in hexadecimal. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : -1;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Reads a time, `2` or `0.5`. */
export function parseSeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds > 0 && seconds <= MAX_SECONDS) return seconds;
  throw new InvalidArgumentError(`It must be a number above 0, at most ${MAX_SECONDS}.`);
}

/** Does what takes values as the user has given them: what the lab calls out of range is bad usage here. */
export function usage<Value>(action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

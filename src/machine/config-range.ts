import type { ConfigField } from './config-field.js';
import { formatPhysical } from './memory-size.js';

/** A stretch of physical memory and the field that asks for it. */
export interface ConfigRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly field: ConfigField;
}

/** Reads `{ start, size }` or `{ start, end }`. What start and end must be multiples of is the caller's business. */
export function readRange(field: ConfigField): ConfigRange | null {
  const fields = field.object(['start', 'size', 'end'], `{ "start": 0, "size": "256M" }`);
  if (fields === null) return null;
  const { start, size, end } = fields;
  const first = start.size(`a physical address such as '0x100000000' or '4G'`);
  if (size.isGiven === end.isGiven) {
    return field.refuse(`must have a size or an end${size.isGiven ? ', not both' : ''}`);
  }
  const length = size.isGiven ? size.size() : null;
  const last = end.isGiven ? end.size(`a physical address such as '0x100000000' or '4G'`) : null;
  if (first === null) return null;
  if (length === 0) return size.refuse('must be above 0');
  if (last !== null && last <= first) {
    return end.refuse(`must be above start, ${formatPhysical(first)}, not ${formatPhysical(last)}`);
  }
  if (length !== null) return { start: first, end: first + length, field };
  return last === null ? null : { start: first, end: last, field };
}

/** A range as messages show it. */
export function formatRange({ start, end }: { readonly start: number; readonly end: number }): string {
  return `${formatPhysical(start)}-${formatPhysical(end)}`;
}

import type { AddressMap, ViewInfo } from './address-map.js';
import { OP_READ, OP_RMW, OP_WRITE } from './op.js';

/** What a method of a view reaches: one range of bytes, read, written or both. */
export interface Reach {
  readonly kind: number;
  readonly address: number;
  readonly size: number;
  /** A copy: the range goes from the first byte of both sides to the last, what is reached is only this. */
  readonly copy?: CopyReach;
}

/** What `copyWithin` reads and writes. */
export interface CopyReach {
  readonly from: number;
  readonly to: number;
  readonly size: number;
}

const READERS = new Set([
  'at',
  'slice',
  'with',
  'indexOf',
  'lastIndexOf',
  'includes',
  'join',
  'toReversed',
  'toSorted',
  'toString',
  'toLocaleString',
]);
const DATA_VIEW = /^(get|set)(?:Big)?(?:Int|Uint|Float)(8|16|32|64)$/;

const PIECEMEAL =
  /^(?:entries|every|filter|find|findIndex|findLast|findLastIndex|forEach|map|reduce|reduceRight|some|values)$/;

/** Whether a method reads a view element by element, with other code in between: nothing can pause there. */
export function isPiecemeal(receiver: unknown, name: string): receiver is ArrayBufferView {
  return ArrayBuffer.isView(receiver) && PIECEMEAL.test(name);
}

/**
 * What a call of a native method reaches in shared memory; undefined when that is nothing, or the receiver is no view of
 * it. A method that reads and writes (`copyWithin`, `sort`) counts as one operation.
 */
export function reachOf(
  memory: AddressMap,
  receiver: unknown,
  name: string,
  args: readonly unknown[],
): Reach | undefined {
  if (!ArrayBuffer.isView(receiver)) return undefined;
  const info = memory.infoOf(receiver);
  if (receiver instanceof DataView) return info === null ? undefined : dataViewReach(info, name, args);
  if (info === null) return name === 'set' ? sourceReach(memory, args[0]) : undefined;
  switch (name) {
    case 'fill':
      return elements(info, OP_WRITE, args[1], args[2]);
    case 'set':
      return setReach(info, args);
    case 'copyWithin':
      return copyReach(info, args);
    case 'reverse':
    case 'sort':
      return elements(info, OP_RMW, undefined, undefined);
    case 'at':
      return atReach(info, args[0]);
    case 'slice':
      return elements(info, OP_READ, args[0], args[1]);
    default:
      return READERS.has(name) ? elements(info, OP_READ, undefined, undefined) : undefined;
  }
}

/** The elements from `start` to `end`, as `slice` and `fill` count them. */
function elements(info: ViewInfo, kind: number, start: unknown, end: unknown): Reach | undefined {
  const first = clamp(info.length, start, 0);
  const last = clamp(info.length, end, info.length);
  if (first >= last) return undefined;
  const bytes = 2 ** info.shift;
  return { kind, address: info.base + first * bytes, size: (last - first) * bytes };
}

function clamp(length: number, index: unknown, absent: number): number {
  if (index === undefined) return absent;
  const whole = Math.trunc(Number(index)) || 0;
  return whole < 0 ? Math.max(0, length + whole) : Math.min(whole, length);
}

function atReach(info: ViewInfo, index: unknown): Reach | undefined {
  const whole = Math.trunc(Number(index)) || 0;
  const at = whole < 0 ? info.length + whole : whole;
  return at < 0 || at >= info.length ? undefined : elements(info, OP_READ, at, at + 1);
}

function setReach(info: ViewInfo, args: readonly unknown[]): Reach | undefined {
  const [source, offset] = args;
  const { length } = source as ArrayLike<unknown>;
  const first = Math.trunc(Number(offset ?? 0));
  // Beyond the end `set` throws and writes nothing.
  return first + length > info.length ? undefined : elements(info, OP_WRITE, first, first + length);
}

function copyReach(info: ViewInfo, args: readonly unknown[]): Reach | undefined {
  const target = clamp(info.length, args[0], 0);
  const first = clamp(info.length, args[1], 0);
  const length = Math.min(clamp(info.length, args[2], info.length) - first, info.length - target);
  if (length <= 0) return undefined;
  const bytes = 2 ** info.shift;
  const copy = { from: info.base + first * bytes, to: info.base + target * bytes, size: length * bytes };
  const address = Math.min(copy.from, copy.to);
  return { kind: OP_RMW, address, size: Math.max(copy.from, copy.to) + copy.size - address, copy };
}

/** Private memory is filled from shared memory. */
function sourceReach(memory: AddressMap, source: unknown): Reach | undefined {
  const info = memory.infoOf(source);
  return info === null ? undefined : elements(info, OP_READ, undefined, undefined);
}

function dataViewReach(info: ViewInfo, name: string, args: readonly unknown[]): Reach | undefined {
  const match = DATA_VIEW.exec(name);
  if (match === null) return undefined;
  const size = Number(match[2]) / 8;
  const offset = Math.trunc(Number(args[0])) || 0;
  if (offset < 0 || offset + size > info.length) return undefined;
  return { kind: match[1] === 'get' ? OP_READ : OP_WRITE, address: info.base + offset, size };
}

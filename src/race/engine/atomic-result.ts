import { AT_ADD, AT_AND, AT_EXCHANGE, AT_OR, AT_SUB, AT_XOR } from './atomics-op.js';

/** What an atomic read-modify-write leaves, before it is cut to the width of the element. `op` is a code of `atomics-op.ts`. */
export function resultOf(op: number, before: number | bigint, value: number | bigint): number | bigint {
  if (typeof before === 'bigint' || typeof value === 'bigint')
    return bigResultOf(op, BigInt(before), BigInt(value));
  switch (op) {
    case AT_ADD:
      return before + value;
    case AT_SUB:
      return before - value;
    case AT_AND:
      return before & value;
    case AT_OR:
      return before | value;
    case AT_XOR:
      return before ^ value;
    case AT_EXCHANGE:
      return value;
    default:
      return before;
  }
}

function bigResultOf(op: number, before: bigint, value: bigint): bigint {
  switch (op) {
    case AT_ADD:
      return before + value;
    case AT_SUB:
      return before - value;
    case AT_AND:
      return before & value;
    case AT_OR:
      return before | value;
    case AT_XOR:
      return before ^ value;
    case AT_EXCHANGE:
      return value;
    default:
      return before;
  }
}

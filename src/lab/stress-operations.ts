import { MPOL_BIND, MPOL_DEFAULT, MPOL_INTERLEAVE, MPOL_PREFERRED } from '../kernel/mm/mempolicy.js';
import { hex } from './stress-hex.js';

/** What a CPU notes of each operation, so that a failure can be told with what led to it. */
export const OP_ALLOC = 1;
export const OP_FREE = 2;
export const OP_SEND = 3;
export const OP_SHARE = 4;
export const OP_RECEIVE = 5;
export const OP_POLICY = 6;
export const OP_DRAIN = 7;
export const OP_RESCUE = 8;

/** A note; what `order`, `detail` and `pfn` mean depends on the operation. */
export interface Operation {
  /** The how-many-th of its CPU. */
  readonly number: number;
  readonly code: number;
  readonly order: number;
  readonly mask: number;
  /** A node, the other CPU, or a policy. */
  readonly detail: number;
  readonly pfn: number;
  readonly finished: boolean;
}

const POLICIES: Record<number, string> = {
  [MPOL_DEFAULT]: 'default',
  [MPOL_PREFERRED]: 'preferred',
  [MPOL_BIND]: 'bind',
  [MPOL_INTERLEAVE]: 'interleave',
};

/** An operation in words. */
export function describeOperation(operation: Operation): string {
  const { number, finished } = operation;
  return `#${number} ${textOf(operation)}${finished ? '' : ' ... not finished'}`;
}

function textOf({ code, order, mask, detail, pfn, finished }: Operation): string {
  const block = `pfn ${hex(pfn)} order ${order}`;
  switch (code) {
    case OP_ALLOC: {
      const from = detail < 0 ? '' : ` node ${detail}`;
      const result = finished ? ` -> ${pfn === 0 ? 'none' : hex(pfn)}` : '';
      return `alloc order ${order} mask ${hex(mask)}${from}${result}`;
    }
    case OP_FREE:
      return `free ${block}`;
    case OP_SEND:
      return `send ${block} to CPU ${detail}`;
    case OP_SHARE:
      return `share ${block} with CPU ${detail}`;
    case OP_RECEIVE:
      return `receive ${block} from CPU ${detail}`;
    case OP_POLICY:
      return `set_mempolicy ${POLICIES[detail] ?? detail}${mask === 0 ? '' : ` nodes ${hex(mask)}`}`;
    case OP_DRAIN:
      return 'drain_all_pages';
    case OP_RESCUE:
      return `take over the blocks of CPU ${detail}`;
    default:
      return 'nothing yet';
  }
}

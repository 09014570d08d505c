import { KERNEL } from '../kernel/core/kernel-data.js';
import {
  __GFP_COLD,
  __GFP_COMP,
  __GFP_HIGH,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_REPEAT,
  __GFP_THISNODE,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_DMA32,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOFS,
  GFP_NOWAIT,
  GFP_TEMPORARY,
  GFP_USER,
} from '../kernel/mm/gfp.js';
import { MPOL_BIND, MPOL_DEFAULT, MPOL_INTERLEAVE, MPOL_PREFERRED } from '../kernel/mm/mempolicy.js';
import { MAX_ORDER } from '../kernel/mm/zone.js';
import type { StressWorkload } from './stress-options.js';
import type { Stressor } from './stress-stressor.js';

/**
 * The workloads: each is made for a CPU and gives a function that does one operation. Requests that fail are part of
 * the game, so they are made without the message in the log.
 */

/** Does one operation. */
type Step = () => void;

const QUIET = __GFP_NOWARN;

/** Masks by mobility, for single pages and small blocks. */
const MOBILITIES = [
  GFP_KERNEL,
  GFP_KERNEL,
  GFP_TEMPORARY,
  GFP_HIGHUSER_MOVABLE,
  GFP_HIGHUSER_MOVABLE,
] as const;

/** Masks of all kinds. */
const MASKS = [
  GFP_KERNEL,
  GFP_KERNEL,
  GFP_USER,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_TEMPORARY,
  GFP_NOFS,
  GFP_NOWAIT,
  GFP_ATOMIC,
  GFP_ATOMIC | __GFP_NOMEMALLOC,
  GFP_KERNEL | __GFP_HIGH,
  GFP_KERNEL | __GFP_REPEAT,
  GFP_KERNEL | __GFP_NORETRY,
  GFP_KERNEL | GFP_DMA,
  GFP_ATOMIC | GFP_DMA32,
] as const;

/** Blocks that the `fragment` workload may keep when it wants large ones. */
const LARGE_TRIES = 64;
/** Operations that the mixed workload stays with one kind. */
const EPISODE = 4000;
const POLICY_ONCE_IN = 300;
const DRAIN_ONCE_IN = 20_000;

/** A workload for one CPU. */
export function workloadStep(workload: StressWorkload, stressor: Stressor): Step {
  switch (workload) {
    case 'mixed':
      return mixed(stressor);
    case 'fragment':
      return fragment(stressor);
    case 'remote-free':
      return remoteFree(stressor);
    case 'numa':
      return numa(stressor);
    case 'orders':
      return orders(stressor);
  }
}

/** Whether the next operation shall allocate: mostly while the CPU has less than it wants, seldom when it has more. */
function wantsMore(s: Stressor): boolean {
  return s.random.oneIn(s.isFull ? 4 : 2) || (s.fill < 0.5 && s.random.oneIn(2));
}

/** Frees some blocks after a failure, so that the next requests have a chance. */
function giveUpSome(s: Stressor): void {
  for (let i = s.random.below(8); i > 0; i--) s.freeAny();
}

/** A small order mostly; larger ones the less often the larger they are. */
function anyOrder(s: Stressor): number {
  let order = 0;
  while (order < MAX_ORDER - 1 && s.random.oneIn(2)) order++;
  return order;
}

function orders(s: Stressor): Step {
  return () => {
    if (s.random.oneIn(DRAIN_ONCE_IN)) s.drain();
    else if (!wantsMore(s)) s.freeAny();
    else {
      const order = s.random.oneIn(16) ? s.random.below(MAX_ORDER) : anyOrder(s);
      let mask = MASKS[s.random.below(MASKS.length)] | QUIET;
      if (s.random.oneIn(3)) mask |= __GFP_COMP;
      if (s.random.oneIn(16)) mask |= __GFP_ZERO;
      if (s.random.oneIn(8)) mask |= __GFP_COLD;
      if (!s.allocate(order, mask)) giveUpSome(s);
    }
  };
}

function fragment(s: Stressor): Step {
  let next = fill;
  let left = 0;

  function fill(): void {
    const order = s.random.oneIn(4) ? 1 : 0;
    const got = s.allocate(order, MOBILITIES[s.random.below(MOBILITIES.length)] | QUIET);
    if (got && !s.isFull) return;
    left = s.blocks - 1;
    next = thin;
  }

  // From the end: the last block takes the place of the freed one, so its neighbour stays.
  function thin(): void {
    if (left >= 0 && left < s.blocks) s.free(left);
    left -= 2;
    if (left >= 0) return;
    left = LARGE_TRIES;
    next = large;
  }

  function large(): void {
    s.allocate(2 + s.random.below(MAX_ORDER - 2), MOBILITIES[s.random.below(MOBILITIES.length)] | QUIET);
    left--;
    if (left > 0) return;
    left = s.random.below(s.blocks + 1);
    next = clear;
  }

  function clear(): void {
    s.freeAny();
    left--;
    if (left <= 0) next = fill;
  }

  return () => {
    next();
  };
}

function remoteFree(s: Stressor): Step {
  return () => {
    if (s.receiveNext()) return;
    if (wantsMore(s)) {
      const order = s.random.oneIn(3) ? s.random.below(4) : 0;
      const mask = MOBILITIES[s.random.below(MOBILITIES.length)] | QUIET;
      if (!s.allocate(order, s.random.oneIn(4) ? mask | __GFP_COMP : mask)) giveUpSome(s);
    } else if (s.random.oneIn(8)) s.shareAny();
    else if (s.random.oneIn(8)) s.freeAny();
    else s.sendAny();
  };
}

function numa(s: Stressor): Step {
  const nodes = nodesOf(s);
  return () => {
    if (s.random.oneIn(POLICY_ONCE_IN)) anyPolicy(s, nodes.withMemory);
    else if (!wantsMore(s)) s.freeAny();
    else if (!numaRequest(s, nodes.all)) giveUpSome(s);
  };
}

function numaRequest(s: Stressor, nodes: readonly number[]): boolean {
  const order = s.random.oneIn(4) ? s.random.below(6) : 0;
  const mask = MASKS[s.random.below(MASKS.length)] | QUIET;
  if (s.random.oneIn(3)) return s.allocate(order, mask);
  const node = nodes[s.random.below(nodes.length)];
  return s.allocate(order, s.random.oneIn(3) ? mask | __GFP_THISNODE : mask, node);
}

function anyPolicy(s: Stressor, nodes: readonly number[]): void {
  const some = nodes.filter(() => s.random.oneIn(2));
  const one = nodes[s.random.below(nodes.length)];
  const chosen = some.length > 0 ? some : [one];
  switch (s.random.below(4)) {
    case 0:
      s.setPolicy(MPOL_DEFAULT, []);
      break;
    case 1:
      s.setPolicy(MPOL_PREFERRED, s.random.oneIn(2) ? [] : [one]);
      break;
    case 2:
      s.setPolicy(MPOL_BIND, chosen);
      break;
    default:
      s.setPolicy(MPOL_INTERLEAVE, chosen);
  }
}

/** The machine's nodes, and those that have memory. */
function nodesOf(s: Stressor): { all: number[]; withMemory: number[] } {
  const { i32 } = s.k;
  const all = Array.from({ length: i32[KERNEL.nr_nodes] }, (_, nid) => nid);
  const withMemory = all.filter(
    (nid) => ((i32[KERNEL.node_memory_map + (nid >>> 5)] >>> (nid & 31)) & 1) !== 0,
  );
  return { all, withMemory };
}

/** Single pages that come and go: the fast path. */
function singles(s: Stressor): Step {
  return () => {
    if (!s.random.oneIn(2)) s.freeAny();
    else if (!s.allocate(0, MOBILITIES[s.random.below(MOBILITIES.length)] | QUIET)) giveUpSome(s);
  };
}

function mixed(s: Stressor): Step {
  const kinds = [orders(s), fragment(s), remoteFree(s), numa(s), singles(s)];
  let step = kinds[0];
  let until = 0;
  return () => {
    if (s.operations >= until) {
      step = kinds[s.random.below(kinds.length)];
      until = s.operations + s.random.below(EPISODE);
    }
    if (!s.random.oneIn(8) || !s.receiveNext()) step();
  };
}

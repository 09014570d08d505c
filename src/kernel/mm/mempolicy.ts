import { MAX_NR_ZONES, ZONE_HIGHMEM, ZONE_MOVABLE } from '../../arch/address-space.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { in_interrupt } from '../core/preempt.js';
import { nodeIn, writeNodes } from './cpuset.js';
import { __GFP_THISNODE, gfp_zone, type gfp_t } from './gfp.js';
import { allocHotPage as allocHot } from './hot-pages.js';
import { __alloc_pages } from './page-alloc.js';
import { PAGE, pageOf, zoneOfFlags } from './page.js';
import { NODE_DATA, PER_CPU_PAGESET, PG_DATA, ZONE, zoneOf } from './zone.js';
import { ZONELIST, zonelistWords } from './zonelist.js';

/** Memory policies (facts file, section 1.11): from which nodes the running task's pages come. */
export const MPOL_DEFAULT = 0;
export const MPOL_PREFERRED = 1;
export const MPOL_BIND = 2;
export const MPOL_INTERLEAVE = 3;

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const MODE = CPU_AREA.at.mempolicy;
const NODE_DATA_TABLE = KERNEL.node_data;
const ZONELISTS = PG_DATA.at.node_zonelists;
const FIRST_ZONE = ZONELIST.at.zones;
const DEFAULT = MPOL_DEFAULT;
const THISNODE = __GFP_THISNODE;
const NR_ZONES = MAX_NR_ZONES;
const allocHotPage = allocHot;

/** The zonelist that serves a mask on a node. */
export function node_zonelist(k: Cpu, nid: number, gfp_mask: gfp_t): number {
  const index = (gfp_mask & THISNODE) === 0 ? gfp_zone(gfp_mask) : NR_ZONES + gfp_zone(gfp_mask);
  return k.i32[k.i32[NODE_DATA_TABLE + nid] + ZONELISTS + index];
}

/**
 * A block from the node that the running task's memory policy wants.
 *
 * @returns first frame, or 0. Context: by the mask
 */
export function alloc_pages_current(k: Cpu, gfp_mask: gfp_t, order: number): number {
  const pfn = order === 0 ? allocHotPage(k, gfp_mask) : 0;
  return pfn !== 0 ? pfn : allocForTask(k, gfp_mask, order);
}

function allocForTask(k: Cpu, gfp_mask: gfp_t, order: number): number {
  if (k.i32[k.area + MODE] === DEFAULT || (gfp_mask & THISNODE) !== 0 || in_interrupt(k)) {
    return __alloc_pages(k, gfp_mask, order, node_zonelist(k, k.node, gfp_mask));
  }
  return allocByPolicy(k, gfp_mask, order);
}

function allocByPolicy(k: Cpu, gfp_mask: gfp_t, order: number): number {
  const { i32, area } = k;
  switch (i32[area + MODE]) {
    case MPOL_INTERLEAVE:
      return allocInterleaved(k, gfp_mask, order);
    case MPOL_BIND:
      // A policy speaks of the highest zone only: requests for lower ones go their usual way.
      if (gfp_zone(gfp_mask) >= policyZone(k))
        return __alloc_pages(k, gfp_mask, order, bindZonelist(k, gfp_zone(gfp_mask) === ZONE_MOVABLE));
      return __alloc_pages(k, gfp_mask, order, node_zonelist(k, k.node, gfp_mask));
    default: {
      const preferred = i32[area + CPU_AREA.at.policy_node];
      return __alloc_pages(
        k,
        gfp_mask,
        order,
        node_zonelist(k, preferred < 0 ? k.node : preferred, gfp_mask),
      );
    }
  }
}

/**
 * The node that the running task's memory policy wants an object of the slab allocator from (slab_node). Takes a turn of an
 * interleaved policy. Process context.
 */
export function slab_node(k: Cpu): number {
  const { i32, area } = k;
  switch (i32[area + MODE]) {
    case MPOL_INTERLEAVE: {
      const nid = i32[area + CPU_AREA.at.il_next];
      i32[area + CPU_AREA.at.il_next] = nextNode(k, area + CPU_AREA.at.policy_nodes, nid);
      return nid;
    }
    case MPOL_BIND:
      return i32[i32[bindZonelist(k, false) + FIRST_ZONE] + ZONE.at.node];
    case MPOL_PREFERRED: {
      const preferred = i32[area + CPU_AREA.at.policy_node];
      return preferred < 0 ? k.node : preferred;
    }
    default:
      return k.node;
  }
}

/** The next node of the mask in turn; a page that really comes from its first zone is an interleave hit. */
function allocInterleaved(k: Cpu, gfp_mask: gfp_t, order: number): number {
  const { i32, area } = k;
  const nid = i32[area + CPU_AREA.at.il_next];
  i32[area + CPU_AREA.at.il_next] = nextNode(k, area + CPU_AREA.at.policy_nodes, nid);
  const zonelist = node_zonelist(k, nid, gfp_mask);
  const pfn = __alloc_pages(k, gfp_mask, order, zonelist);
  const first = i32[zonelist + FIRST_ZONE];
  if (pfn !== 0 && zoneOfFlags(i32, i32[pageOf(i32, pfn) + PAGE.at.flags]) === first) {
    k.f64[(i32[first + ZONE.at.pageset + k.cpu] + PER_CPU_PAGESET.at.interleave_hit) >>> 1]++;
  }
  return pfn;
}

/** The node behind `nid` in a mask, cyclically. */
function nextNode(k: Cpu, mask: number, nid: number): number {
  const nodes = k.i32[KERNEL.nr_nodes];
  for (let i = 1; i <= nodes; i++) if (nodeIn(k, mask, (nid + i) % nodes)) return (nid + i) % nodes;
  return nid;
}

/** policy_zone: the highest zone that exists in the machine, movable memory aside. */
function policyZone(k: Cpu): number {
  for (let type = ZONE_HIGHMEM; type > 0; type--) {
    for (let nid = 0; nid < k.i32[KERNEL.nr_nodes]; nid++) {
      if (k.i32[zoneOf(k, nid, type) + ZONE.at.present_pages] !== 0) return type;
    }
  }
  return 0;
}

/**
 * Sets the running task's memory policy. Process context.
 *
 * @param mode one of the MPOL_ constants
 * @param nodes for MPOL_PREFERRED at most one (none: the current node), for BIND and INTERLEAVE at least one
 * @returns 0, or -EINVAL when the nodes do not fit the mode or have no memory
 */
export function set_mempolicy(k: Cpu, mode: number, nodes: readonly number[] = []): number {
  const { i32, area } = k;
  if (!policyValid(k, mode, nodes)) return -EINVAL;
  if (mode === MPOL_PREFERRED) i32[area + CPU_AREA.at.policy_node] = nodes[0] ?? -1;
  writeNodes(k, area + CPU_AREA.at.policy_nodes, nodes);
  if (mode === MPOL_INTERLEAVE) i32[area + CPU_AREA.at.il_next] = Math.min(...nodes);
  if (mode === MPOL_BIND) {
    writeBindZonelist(k, false);
    writeBindZonelist(k, true);
  }
  i32[area + MODE] = mode;
  return 0;
}

const EINVAL = 22;

function policyValid(k: Cpu, mode: number, nodes: readonly number[]): boolean {
  for (const node of nodes) {
    const data =
      Number.isInteger(node) && node >= 0 && node < k.i32[KERNEL.nr_nodes] ? NODE_DATA(k, node) : 0;
    if (data === 0 || k.i32[data + PG_DATA.at.node_present_pages] === 0) return false;
  }
  if (mode === MPOL_DEFAULT) return nodes.length === 0;
  if (mode === MPOL_PREFERRED) return nodes.length <= 1;
  return (mode === MPOL_BIND || mode === MPOL_INTERLEAVE) && nodes.length > 0;
}

/** The private zonelist of MPOL_BIND: one for requests that may use ZONE_MOVABLE, and one for all others. */
function bindZonelist(k: Cpu, movable: boolean): number {
  const words = zonelistWords(k.i32[KERNEL.nr_nodes]);
  return k.i32[k.area + CPU_AREA.at.bind_zonelist] + (movable ? words : 0);
}

/** Writes a private zonelist for policy_nodes: the highest zone of each, then the next (2.6.24: zone by zone). */
function writeBindZonelist(k: Cpu, movable: boolean): void {
  const { i32, area } = k;
  const zonelist = bindZonelist(k, movable);
  i32.fill(0, zonelist, zonelist + FIRST_ZONE);
  let count = 0;
  for (let type = movable ? ZONE_MOVABLE : ZONE_HIGHMEM; type >= 0; type--) {
    for (let nid = 0; nid < i32[KERNEL.nr_nodes]; nid++) {
      const zone = zoneOf(k, nid, type);
      if (!nodeIn(k, area + CPU_AREA.at.policy_nodes, nid) || i32[zone + ZONE.at.present_pages] === 0)
        continue;
      i32[zonelist + FIRST_ZONE + count] = zone;
      count++;
    }
  }
  i32[zonelist + FIRST_ZONE + count] = 0;
}

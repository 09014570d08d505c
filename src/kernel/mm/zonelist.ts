import { MAX_NR_ZONES, ZONE_DMA, ZONE_DMA32 } from '../../arch/address-space.js';
import { array, struct, word } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_NUMNODES, ZONE_MODIFIER_SETS } from '../core/limits.js';
import { printk } from '../core/printk.js';
import { gfp_zone, zoneModifierMask } from './gfp.js';
import { NODE_DATA, PG_DATA, ZONE, zoneOf } from './zone.js';

/**
 * Zonelists (facts file, section 1.9): for each node and each highest allowed zone, all zones to try, best first.
 * Built at boot and again when `numa_zonelist_order` is written, with every other CPU stopped; read without locks.
 */

/** Zones whose fullness a zonelist can remember: as many as there are. */
const ZLC_WORDS = (MAX_NUMNODES * MAX_NR_ZONES) / 32;

/**
 * A zonelist: what it remembers of full zones, then word indices of zones, ended by 0. The memory of full zones is
 * a hint that any CPU reads and writes without a lock: a deliberate race.
 */
export const ZONELIST = struct('zonelist', {
  /** When `full` was last cleared, in milliseconds. */
  last_full_zap: word,
  /** A bit per entry: the zone was full within the last second. */
  full: array(word, ZLC_WORDS),
  zones: word,
});

/** Values of numa_zonelist_order. */
export const ZONELIST_ORDER_DEFAULT = 0;
export const ZONELIST_ORDER_NODE = 1;
export const ZONELIST_ORDER_ZONE = 2;
/** Their names, by value. */
export const ZONELIST_ORDERS = ['default', 'node', 'zone'] as const;

/** Words of a zonelist of a machine with that many nodes. */
export function zonelistWords(nodes: number): number {
  return ZONELIST.at.zones + nodes * MAX_NR_ZONES + 1;
}

/** Distance between nodes, as the firmware's table has it. */
export function node_distance(k: Cpu, from: number, to: number): number {
  return k.u8[KERNEL.node_distance * 4 + from * MAX_NUMNODES + to];
}

/** Writes all zonelists of all nodes. Boot CPU, or the console with all CPUs stopped. */
export function build_all_zonelists(k: Cpu): void {
  const nodes = k.i32[KERNEL.nr_nodes];
  const load = new Array<number>(nodes).fill(0);
  const zoneOrder = currentOrder(k) === ZONELIST_ORDER_ZONE;
  for (let nid = 0; nid < nodes; nid++) {
    const order = nodeOrder(k, nid, load);
    for (let highest = 0; highest < MAX_NR_ZONES; highest++) {
      const zones = zoneOrder ? zonesByZone(k, order, highest) : zonesByNode(k, order, highest);
      writeZonelist(k, nid, highest, zones);
      writeZonelist(k, nid, MAX_NR_ZONES + highest, zonesByNode(k, [nid], highest));
    }
  }
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) notePreferredSets(k, cpu);
  const mobility = k.i32[KERNEL.page_group_by_mobility_disabled] !== 0 ? 'off' : 'on';
  printk(
    k,
    `Built ${nodes} zonelists in ${zoneOrder ? 'Zone' : 'Node'} order, mobility grouping ${mobility}.  ` +
      `Total pages: ${k.i32[KERNEL.vm_total_pages]}`,
  );
}

/**
 * The nodes with memory by preference for a CPU of `local`: itself, then by distance; ties go to nodes without
 * CPUs, and rotate by a load that favours nodes not chosen before.
 *
 * @param load updated: how often each node was first choice in a group of equal distance
 */
export function nodeOrder(k: Cpu, local: number, load: number[]): number[] {
  const nodes = k.i32[KERNEL.nr_nodes];
  const order: number[] = [];
  let remaining = nodes;
  let previous = local;
  for (let node = local; node >= 0; node = bestNode(k, local, order, load, nodes)) {
    // Among nodes at the same distance, the first one found gets a penalty for the next lists.
    if (node_distance(k, local, node) !== node_distance(k, local, previous)) load[node] = remaining;
    previous = node;
    remaining--;
    order.push(node);
  }
  return order;
}

/** find_next_best_node: the unused node with memory that scores lowest, or -1. */
function bestNode(
  k: Cpu,
  local: number,
  used: readonly number[],
  load: readonly number[],
  nodes: number,
): number {
  let best = -1;
  let bestScore = Infinity;
  for (let node = 0; node < nodes; node++) {
    if (used.includes(node) || !hasMemory(k, node)) continue;
    let score = node_distance(k, local, node) + (node < local ? 1 : 0) + (hasCpus(k, node) ? 1 : 0);
    score = score * nodes * MAX_NUMNODES + (load[node] ?? 0);
    if (score < bestScore) {
      bestScore = score;
      best = node;
    }
  }
  return best;
}

/** Node order: all zones of the nearest node, then all of the next. */
function zonesByNode(k: Cpu, nodes: readonly number[], highest: number): number[] {
  const zones: number[] = [];
  for (const node of nodes) {
    for (let type = highest; type >= 0; type--) addPopulated(k, zones, zoneOf(k, node, type));
  }
  return zones;
}

/** Zone order: the highest zone of every node, then the next lower zone. */
function zonesByZone(k: Cpu, nodes: readonly number[], highest: number): number[] {
  const zones: number[] = [];
  for (let type = highest; type >= 0; type--) {
    for (const node of nodes) addPopulated(k, zones, zoneOf(k, node, type));
  }
  return zones;
}

function addPopulated(k: Cpu, zones: number[], zone: number): void {
  if (k.i32[zone + ZONE.at.present_pages] !== 0) zones.push(zone);
}

/** Notes for a CPU from which page set it serves requests first. */
function notePreferredSets(k: Cpu, cpu: number): void {
  const sets = k.i32[KERNEL.cpu_area + cpu] + CPU_AREA.at.preferred_sets;
  for (let modifiers = 0; modifiers < ZONE_MODIFIER_SETS; modifiers++) {
    k.i32[sets + modifiers] = preferredSet(k, cpu, modifiers);
  }
}

/** The page set of a CPU's `preferred_sets`, as the zonelists have it. */
export function preferredSet(k: Cpu, cpu: number, modifiers: number): number {
  const { i32 } = k;
  const nid = i32[KERNEL.cpu_node + cpu];
  const highest = gfp_zone(zoneModifierMask(modifiers));
  const zonelist = i32[NODE_DATA(k, nid) + PG_DATA.at.node_zonelists + highest];
  const first = i32[zonelist + ZONELIST.at.zones];
  return first !== 0 && i32[first + ZONE.at.node] === nid ? i32[first + ZONE.at.pageset + cpu] : 0;
}

function writeZonelist(k: Cpu, nid: number, index: number, zones: readonly number[]): void {
  const { i32 } = k;
  const zonelist = i32[NODE_DATA(k, nid) + PG_DATA.at.node_zonelists + index];
  i32.fill(0, zonelist, zonelist + ZONELIST.at.zones);
  for (let i = 0; i < zones.length; i++) i32[zonelist + ZONELIST.at.zones + i] = zones[i] ?? 0;
  i32[zonelist + ZONELIST.at.zones + zones.length] = 0;
}

/** The order in force: what was asked for, or what suits the machine. */
export function currentOrder(k: Cpu): number {
  const asked = k.i32[KERNEL.numa_zonelist_order];
  return asked === ZONELIST_ORDER_DEFAULT ? default_zonelist_order(k) : asked;
}

/**
 * Node order unless the DMA zones are so small that local requests could use them up: then zone order saves them.
 */
function default_zonelist_order(k: Cpu): number {
  const nodes = k.i32[KERNEL.nr_nodes];
  let low = 0;
  let total = 0;
  for (let nid = 0; nid < nodes; nid++) {
    low += presentOf(k, nid, ZONE_DMA) + presentOf(k, nid, ZONE_DMA32);
    total += k.i32[NODE_DATA(k, nid) + PG_DATA.at.node_present_pages];
  }
  if (low === 0 || low > total / 2) return ZONELIST_ORDER_NODE;
  const average = total / (nodes + 1);
  for (let nid = 0; nid < nodes; nid++) {
    const node = k.i32[NODE_DATA(k, nid) + PG_DATA.at.node_present_pages];
    const nodeLow = presentOf(k, nid, ZONE_DMA) + presentOf(k, nid, ZONE_DMA32);
    if (nodeLow > 0 && node > average && nodeLow > (node * 70) / 100) return ZONELIST_ORDER_NODE;
  }
  return ZONELIST_ORDER_ZONE;
}

function presentOf(k: Cpu, nid: number, type: number): number {
  return k.i32[zoneOf(k, nid, type) + ZONE.at.present_pages];
}

function hasMemory(k: Cpu, node: number): boolean {
  return ((k.i32[KERNEL.node_memory_map + (node >>> 5)] >>> (node & 31)) & 1) !== 0;
}

/** Whether a node has CPUs, online or not. */
export function hasCpus(k: Cpu, node: number): boolean {
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++)
    if (k.i32[KERNEL.cpu_node + cpu] === node) return true;
  return false;
}

/** The node with memory that is nearest to a node: itself, if it has any. */
export function nearestMemoryNode(k: Cpu, nid: number): number {
  if (hasMemory(k, nid)) return nid;
  return nodeOrder(k, nid, [])[1] ?? 0;
}

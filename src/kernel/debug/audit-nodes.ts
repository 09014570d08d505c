import { MAX_NR_ZONES, ZONE_NAMES } from '../../arch/address-space.js';
import { PAGE_WORDS, SECTION_PAGES_SHIFT } from '../../arch/page.js';
import { CACHE_LINE_WORDS } from '../../image/struct.js';
import { KERNEL } from '../core/kernel-data.js';
import { PAGE } from '../mm/page.js';
import { PG_DATA, ZONE } from '../mm/zone.js';
import type { Ram } from './audit-firmware.js';
import { MAX_FRAMES, NO_MAP, type AuditNode, type AuditRun, type AuditZone } from './audit-run.js';

/**
 * Finds the nodes and zones of the machine, and checks what the kernel has written down about them against the
 * firmware's memory map. What cannot be right is reported and left out.
 */
export function auditNodes(run: AuditRun, nodes: number): void {
  const found: AuditNode[] = [];
  const zones: AuditZone[] = [];
  for (let nid = 0; nid < nodes; nid++) {
    const field = `node_data[${nid}]`;
    if (!isStructure(run, field, KERNEL.node_data + nid, PG_DATA.words)) continue;
    const node = surveyNode(run, nid, run.k.i32[KERNEL.node_data + nid]);
    found.push(node);
    zones.push(...node.zones);
  }
  run.nodes = found;
  run.zones = zones;
}

/** Whether a pointer leads to room for a structure, where boot can allocate one: anywhere but in frame 0. */
export function isStructure(run: AuditRun, field: string, pointer: number, words: number): boolean {
  const { i32 } = run.k;
  const value = i32[pointer];
  const fits = value >= PAGE_WORDS && value + words <= i32.length && value % CACHE_LINE_WORDS === 0;
  if (!fits) run.report({ kind: 'structure', field, value, problem: 'points to no such structure' });
  return fits;
}

function surveyNode(run: AuditRun, nid: number, word: number): AuditNode {
  const ram = nodeRam(run, nid, word);
  const start = ram[0]?.start ?? 0;
  const end = ram.at(-1)?.end ?? 0;
  const map = memMap(run, nid, word, start, end);
  const zones: AuditZone[] = [];
  let behind = 0;
  for (let type = 0; type < MAX_NR_ZONES; type++) {
    const zone = surveyZone(
      run,
      nid,
      type,
      word + PG_DATA.at.node_zones + type * ZONE.words,
      ram,
      map,
      behind,
    );
    zones.push(zone);
    behind = Math.max(behind, zone.end);
  }
  const node = { node: nid, word, zones, map, start, end };
  checkNode(run, node, ram);
  return node;
}

/** The RAM of a node; without firmware tables, all that the kernel thinks it spans. */
function nodeRam(run: AuditRun, nid: number, word: number): Ram[] {
  const ram: Ram[] = [];
  for (const range of run.firmware?.ram ?? []) if (range.node === nid) ram.push(range);
  if (run.firmware !== undefined) return ram;
  const start = run.k.i32[word + PG_DATA.at.node_start_pfn];
  const end = start + run.k.i32[word + PG_DATA.at.node_spanned_pages];
  return start >= 0 && end > start && end <= MAX_FRAMES ? [{ start, end, node: nid }] : [];
}

/**
 * Where the memory map of a node is: three tables say it, and two of them decide.
 *
 * @returns {@link NO_MAP} when it cannot be anywhere there; else the word of frame 0, below 0 when the map of a node
 *   that begins far up lies far down
 */
function memMap(run: AuditRun, nid: number, word: number, start: number, end: number): number {
  const { i32 } = run.k;
  let zoneMap = i32[word + PG_DATA.at.node_zones + ZONE.at.mem_map];
  for (let type = 1; type < MAX_NR_ZONES; type++) {
    const zone = word + PG_DATA.at.node_zones + type * ZONE.words;
    if (i32[zone + ZONE.at.present_pages] !== 0) zoneMap = i32[zone + ZONE.at.mem_map];
  }
  const sectionMap = i32[KERNEL.section_mem_map + (start >>> SECTION_PAGES_SHIFT)];
  const nodeMap = i32[word + PG_DATA.at.node_mem_map];
  const map = zoneMap === sectionMap ? zoneMap : nodeMap;
  const first = map + start * PAGE.words;
  if (end > start && first > 0 && map + end * PAGE.words <= i32.length && map % PAGE.words === 0) return map;
  if (end > start) {
    const field = `node ${nid}, node_mem_map`;
    run.report({ kind: 'structure', field, value: map, problem: 'points to no memory map' });
  }
  return NO_MAP;
}

function surveyZone(
  run: AuditRun,
  nid: number,
  type: number,
  word: number,
  nodeRam: readonly Ram[],
  map: number,
  behind: number,
): AuditZone {
  const { i32 } = run.k;
  const name = ZONE_NAMES[type];
  let start = i32[word + ZONE.at.zone_start_pfn];
  const spanned = i32[word + ZONE.at.spanned_pages];
  const stored = i32[word + ZONE.at.present_pages];
  const inside =
    start >= (nodeRam[0]?.start ?? 0) && spanned >= 0 && start + spanned <= (nodeRam.at(-1)?.end ?? 0);
  const overlaps = spanned !== 0 && start < behind;
  if (spanned !== 0 && (!inside || overlaps)) {
    const problem = inside ? 'overlap' : 'outside';
    run.report({ kind: 'zone-span', node: nid, zone: name, start, spanned, problem });
  }
  const walkable = spanned !== 0 && inside && !overlaps && map !== NO_MAP;
  if (!walkable) start = 0;
  const end = walkable ? start + spanned : 0;
  const ram = ramWithin(nodeRam, start, end);
  let present = 0;
  for (const range of ram) present += range.end - range.start;
  const zone = {
    word,
    node: nid,
    type,
    zone: name,
    start,
    end,
    ram,
    present,
    map,
    free: 0,
    percpu: 0,
    populated: present !== 0 || stored !== 0,
    exact: walkable || (spanned === 0 && stored === 0),
  };
  checkZone(run, zone, walkable);
  return zone;
}

function ramWithin(ram: readonly Ram[], start: number, end: number): Ram[] {
  const within: Ram[] = [];
  for (const range of ram) {
    const from = Math.max(range.start, start);
    const to = Math.min(range.end, end);
    if (from < to) within.push({ start: from, end: to, node: range.node });
  }
  return within;
}

/** What a zone says of itself. */
function checkZone(run: AuditRun, zone: AuditZone, walkable: boolean): void {
  checkZoneField(run, zone, 'type', zone.type);
  checkZoneField(run, zone, 'node', zone.node);
  const place = KERNEL.zone_table + ((zone.node << 3) | zone.type);
  const stored = run.k.i32[place];
  const field = `zone_table[${(zone.node << 3) | zone.type}]`;
  if (stored !== zone.word) run.report({ kind: 'zone-table', field, stored, expected: zone.word });
  if (!walkable) return;
  if (run.firmware !== undefined) checkZoneField(run, zone, 'present_pages', zone.present);
  checkZoneField(run, zone, 'mem_map', zone.map);
}

type ZoneField = 'type' | 'node' | 'present_pages' | 'mem_map' | 'nr_pageblocks';

/** Compares a field of a zone with what it should be. */
export function checkZoneField(run: AuditRun, zone: AuditZone, name: ZoneField, expected: number): void {
  const stored = run.k.i32[zone.word + ZONE.at[name]];
  const field = `node ${zone.node}, zone ${zone.zone}, ${name}`;
  if (stored !== expected) run.report({ kind: 'zone-field', field, stored, expected });
}

function checkNode(run: AuditRun, node: AuditNode, ram: readonly Ram[]): void {
  let present = 0;
  for (const range of ram) present += range.end - range.start;
  let covered = 0;
  for (const zone of node.zones) covered += zone.present;
  checkNodeField(run, node, 'node_id', node.node);
  if (run.firmware !== undefined) {
    checkNodeField(run, node, 'node_start_pfn', node.start);
    checkNodeField(run, node, 'node_spanned_pages', node.end - node.start);
    checkNodeField(run, node, 'node_present_pages', present);
  }
  if (node.map !== NO_MAP) checkNodeField(run, node, 'node_mem_map', node.map);
  const isCovered = covered === present || run.found.has('zone-span') || node.map === NO_MAP;
  if (!isCovered) run.report({ kind: 'zone-coverage', node: node.node, ram: present, covered });
}

type NodeField = 'node_id' | 'node_start_pfn' | 'node_spanned_pages' | 'node_present_pages' | 'node_mem_map';

function checkNodeField(run: AuditRun, node: AuditNode, name: NodeField, expected: number): void {
  const stored = run.k.i32[node.word + PG_DATA.at[name]];
  const field = `node ${node.node}, ${name}`;
  if (stored !== expected) run.report({ kind: 'node-field', field, stored, expected });
}

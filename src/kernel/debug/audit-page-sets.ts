import { CPU_AREA, CPU_DEAD, CPU_ONLINE } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { ZONE_MODIFIER_SETS } from '../core/limits.js';
import { MIGRATE_TYPES } from '../mm/gfp.js';
import { PAGE, PG_ZONE_SHIFT, zoneBits } from '../mm/page.js';
import { calculate_threshold } from '../mm/zone-setup.js';
import {
  NR_FREE_PAGES,
  NR_VM_ZONE_STAT_ITEMS,
  PCP_COLD,
  PCP_HOT,
  PER_CPU_PAGES,
  PER_CPU_PAGESET,
  ZONE,
  ZONE_STAT_NAMES,
} from '../mm/zone.js';
import { preferredSet } from '../mm/zonelist.js';
import { walkList } from './audit-list.js';
import { isStructure } from './audit-nodes.js';
import { inPageSet, listName, pageSetPlace } from './audit-place.js';
import type { AuditRun, AuditZone } from './audit-run.js';

const PCP = PER_CPU_PAGES.at;
/** The largest threshold of the formula. */
const MAX_THRESHOLD = 125;
/** What percpu_pagelist_fraction allows: an eighth of a zone, in batches of 96. */
const LEAST_FRACTION = 8;
const MOST_BATCH = 96;

/** Walks the page sets of all CPUs for a zone, and adds the statistics up that are in them. */
export function auditPageSets(run: AuditRun, zone: AuditZone): void {
  if (!zone.populated) {
    checkStats(run, zone, []);
    return;
  }
  const sets: number[] = [];
  for (let cpu = 0; cpu < run.cpus; cpu++) {
    const pointer = zone.word + ZONE.at.pageset + cpu;
    const field = `node ${zone.node}, zone ${zone.zone}, pageset[${cpu}]`;
    const set = run.k.i32[pointer];
    if (!isStructure(run, field, pointer, PER_CPU_PAGESET.words)) zone.exact = false;
    else if (sets.includes(set)) {
      run.report({ kind: 'structure', field, value: set, problem: 'is the page set of another CPU' });
      zone.exact = false;
    } else {
      sets.push(set);
      checkShortcuts(run, zone, cpu, set);
      auditPageSet(run, zone, cpu, set);
    }
  }
  checkStats(run, zone, sets);
}

/** What the short way of single pages finds a page set and its zone by. */
function checkShortcuts(run: AuditRun, zone: AuditZone, cpu: number, set: number): void {
  const { i32 } = run.k;
  const back = i32[set + PER_CPU_PAGESET.at.zone];
  if (back !== zone.word) {
    const field = `node ${zone.node}, zone ${zone.zone}, pageset[${cpu}].zone`;
    run.report({ kind: 'structure', field, value: back, problem: 'is not the zone' });
  }
  const id = zoneBits(zone.type, zone.node) >>> PG_ZONE_SHIFT;
  const short = run.areas[cpu] === 0 ? set : i32[run.areas[cpu] + CPU_AREA.at.page_sets + id];
  if (short === set) return;
  const field = `cpu ${cpu}, page_sets[${id}]`;
  run.report({ kind: 'structure', field, value: short, problem: 'is not the page set of that zone' });
}

/** Checks which page sets the CPUs think they prefer, if the zones and zonelists are right that this follows from. */
export function auditPreferredSets(run: AuditRun): void {
  if (run.found.has('zonelist') || run.found.has('zone-field') || run.found.has('structure')) return;
  for (let cpu = 0; cpu < run.cpus; cpu++) {
    for (let modifiers = 0; modifiers < ZONE_MODIFIER_SETS && run.areas[cpu] !== 0; modifiers++) {
      const value = run.k.i32[run.areas[cpu] + CPU_AREA.at.preferred_sets + modifiers];
      if (value === preferredSet(run.k, cpu, modifiers)) continue;
      const field = `cpu ${cpu}, preferred_sets[${modifiers}]`;
      run.report({ kind: 'structure', field, value, problem: 'does not follow from the zonelists' });
    }
  }
}

function auditPageSet(run: AuditRun, zone: AuditZone, cpu: number, set: number): void {
  const { i32 } = run.k;
  const state = run.areas[cpu] === 0 ? CPU_ONLINE : i32[run.areas[cpu] + CPU_AREA.at.state];
  const absent = state === CPU_ONLINE ? '' : state === CPU_DEAD ? 'dead' : 'offline';
  for (const list of [PCP_HOT, PCP_COLD]) {
    const pages = auditList(run, zone, cpu, list, set + list * PER_CPU_PAGES.words);
    if (absent !== '' && pages !== 0) {
      const field = `${listName(list)} list`;
      reportAbsent(run, zone, cpu, absent, field, pages);
    }
  }
  const threshold = i32[set + PER_CPU_PAGESET.at.stat_threshold];
  // It was this as long as all CPUs were online; what is not folded changes when it is counted next.
  const earlier = calculate_threshold(run.cpus, zone.present);
  for (let item = 0; item < NR_VM_ZONE_STAT_ITEMS; item++) {
    const diff = i32[set + PER_CPU_PAGESET.at.vm_stat_diff + item];
    const name = ZONE_STAT_NAMES[item];
    if (absent !== '' && diff !== 0) reportAbsent(run, zone, cpu, absent, `share of ${name}`, diff);
    if (threshold >= 0 && threshold <= MAX_THRESHOLD && Math.abs(diff) <= Math.max(threshold, earlier))
      continue;
    const { node, zone: zoneName } = zone;
    run.report({ kind: 'stat-diff', node, zone: zoneName, cpu, item: name, diff, threshold });
  }
}

/** A list of a page set; how many pages it has. */
function auditList(run: AuditRun, zone: AuditZone, cpu: number, list: number, pcp: number): number {
  const { i32 } = run.k;
  const { node, zone: zoneName, map } = zone;
  const name = listName(list);
  const { frames, complete } = walkList(run, zone, pcp + PCP.list, pageSetPlace(cpu, list));
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i];
    run.claim(zone, frame, inPageSet(cpu, list));
    const value = i32[map + frame * PAGE.words + PAGE.at.private];
    if (value >= 0 && value < MIGRATE_TYPES) continue;
    run.report({ kind: 'pcp-type', node, zone: zoneName, frame, cpu, list: name, value });
  }
  zone.percpu += frames.length;
  if (!complete) zone.exact = false;
  const stored = i32[pcp + PCP.count];
  if (complete && stored !== frames.length) {
    const counted = frames.length;
    run.report({ kind: 'pcp-count', node, zone: zoneName, cpu, list: name, stored, counted });
  }
  const limit = listLimit(run, zone, pcp);
  if (complete && frames.length >= limit) {
    const count = frames.length;
    run.report({ kind: 'pcp-limit', node, zone: zoneName, cpu, list: name, count, limit });
  }
  return frames.length;
}

/** Each of the three types that callers want can bring a batch on top; a free gives a batch back at `high`. */
function listLimit(run: AuditRun, zone: AuditZone, pcp: number): number {
  const { i32 } = run.k;
  const limit = i32[pcp + PCP.high] + 3 * i32[pcp + PCP.batch];
  if (i32[KERNEL.percpu_pagelist_fraction] === 0) return limit;
  // Lists that were filled under an earlier, larger limit shrink only with the next frees.
  return Math.max(limit, Math.floor(zone.present / LEAST_FRACTION) + MOST_BATCH);
}

function reportAbsent(
  run: AuditRun,
  zone: AuditZone,
  cpu: number,
  state: 'dead' | 'offline',
  field: string,
  value: number,
): void {
  run.report({ kind: 'offline-pageset', node: zone.node, zone: zone.zone, cpu, state, field, value });
}

/** The zone's statistics with what its CPUs have not folded. */
function checkStats(run: AuditRun, zone: AuditZone, sets: readonly number[]): void {
  const { i32 } = run.k;
  const { node, zone: zoneName } = zone;
  for (let item = 0; item < NR_VM_ZONE_STAT_ITEMS; item++) {
    let stored = i32[zone.word + ZONE.at.vm_stat + item];
    for (const set of sets) stored += i32[set + PER_CPU_PAGESET.at.vm_stat_diff + item];
    if (item !== NR_FREE_PAGES) {
      if (stored < 0) {
        run.report({
          kind: 'stat-negative',
          node,
          zone: zoneName,
          item: ZONE_STAT_NAMES[item],
          value: stored,
        });
      }
    } else if (zone.exact && stored !== zone.free) {
      run.report({ kind: 'free-pages', node, zone: zoneName, stored, counted: zone.free });
    }
  }
}

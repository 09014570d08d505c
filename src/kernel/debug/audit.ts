import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_NUMNODES, NR_CPUS } from '../core/limits.js';
import { countZone, type FrameCounts, sumCounts } from './audit-counts.js';
import { auditCpus, findCpuAreas } from './audit-cpus.js';
import { auditEvents } from './audit-events.js';
import { readFirmwareTables } from './audit-firmware.js';
import { auditBuddies, auditFrames, markHoles } from './audit-frames.js';
import { auditFreeLists } from './audit-free-lists.js';
import { auditNodes } from './audit-nodes.js';
import { auditNowhere } from './audit-nowhere.js';
import { nameOwners } from './audit-owner.js';
import { auditPageSets, auditPreferredSets } from './audit-page-sets.js';
import { auditPercpu } from './audit-percpu.js';
import { AuditRun, MAX_FRAMES } from './audit-run.js';
import { auditSections } from './audit-sections.js';
import { auditSlab } from './audit-slab.js';
import { auditTasks } from './audit-tasks.js';
import type { Violation, ViolationKind } from './audit-violation.js';
import type { ZoneRef } from './audit-violation-pages.js';
import { auditLowmemReserve, auditTotals, auditZoneState } from './audit-zone-state.js';
import { auditZonelists } from './audit-zonelists.js';

/** Violations of one kind that are kept unless the caller wants more or fewer. */
const DEFAULT_LIMIT = 100;

export interface AuditOptions {
  /** Violations of one kind that are kept; the others are only counted. */
  readonly limit?: number;
}

export interface AuditReport {
  /** Empty when all is well. */
  readonly violations: readonly Violation[];
  /** How many there are of each kind that is not kept in full, beyond those kept. */
  readonly omitted: Readonly<Partial<Record<ViolationKind, number>>>;
  /** From frame 0 to the end of RAM. */
  readonly frames: FrameCounts;
  /** Populated zones, node by node, lowest first; `total` is what they span. */
  readonly zones: readonly (ZoneRef & FrameCounts)[];
  /** How much was looked at. */
  readonly checked: {
    readonly nodes: number;
    readonly zones: number;
    readonly cpus: number;
    /** Those of idle CPUs aside. */
    readonly tasks: number;
    readonly frames: number;
    /** Slab caches, and their slabs. */
    readonly caches: number;
    readonly slabs: number;
    readonly lists: number;
    readonly listEntries: number;
  };
}

/**
 * Walks everything that the page allocator, the slab allocator and the scheduler have in memory and checks every rule that
 * must hold between two operations. It only reads, believes nothing that it reads, and ends on any image, however damaged.
 *
 * @param k any CPU's kernel, the console's included; all CPUs must be quiet: stopped by the caller, or idle
 */
export function audit(k: Cpu, options: AuditOptions = {}): AuditReport {
  const run = new AuditRun(k, options.limit ?? DEFAULT_LIMIT);
  surveyMachine(run);
  for (const zone of run.zones) markHoles(run, zone);
  for (const zone of run.zones) {
    auditZoneState(run, zone);
    // Of a zone that nobody knows where it is, nothing can be told.
    if (!zone.exact) continue;
    auditFreeLists(run, zone);
    auditPageSets(run, zone);
  }
  for (const zone of run.zones) auditFrames(run, zone);
  for (const node of run.nodes) {
    for (const zone of node.zones) {
      auditNowhere(run, node, zone);
      auditBuddies(run, zone);
    }
    if (!run.found.has('zone-span')) auditLowmemReserve(run, node);
    auditZonelists(run, node);
  }
  auditPreferredSets(run);
  auditSections(run);
  auditCpus(run);
  auditPercpu(run);
  auditTasks(run);
  auditSlab(run);
  auditTotals(run);
  auditEvents(run);
  nameOwners(run);
  return reportOf(run);
}

/** Finds what there is: the rest of the audit relies on nothing else. */
function surveyMachine(run: AuditRun): void {
  const { space } = run.k;
  run.firmware = readFirmwareTables(run.k);
  const { firmware } = run;
  if (firmware === undefined) {
    run.report({ kind: 'structure', field: 'firmware tables', value: 0, problem: 'cannot be read' });
  }
  const ramEnd = firmware?.ram.at(-1)?.end;
  run.frames = checkConstant(run, 'max_pfn', ramEnd, MAX_FRAMES);
  run.cpus = checkConstant(run, 'nr_cpus', firmware?.cpus, NR_CPUS);
  run.pageblockOrder = space.pageblockOrder;
  checkConstant(run, 'pageblock_order', space.pageblockOrder, space.pageblockOrder);
  run.places = new Uint16Array(firmware === undefined ? MAX_FRAMES : run.frames);
  findCpuAreas(run);
  auditNodes(run, checkConstant(run, 'nr_nodes', firmware?.nodes, MAX_NUMNODES));
}

/**
 * A number that says how large everything is.
 *
 * @param expected what the firmware says, if that is known
 * @returns that, or a number from 0 to `limit` instead of what is stored
 */
function checkConstant(
  run: AuditRun,
  field: 'max_pfn' | 'nr_cpus' | 'nr_nodes' | 'pageblock_order',
  expected: number | undefined,
  limit: number,
): number {
  const value = run.k.i32[KERNEL[field]];
  const right = expected ?? Math.max(0, Math.min(limit, value));
  if (value !== right) run.report({ kind: 'structure', field, value, problem: `should be ${right}` });
  return right;
}

function reportOf(run: AuditRun): AuditReport {
  const omitted: Partial<Record<ViolationKind, number>> = {};
  for (const [kind, found] of run.found) if (found > run.limit) omitted[kind] = found - run.limit;
  const zones: (ZoneRef & FrameCounts)[] = [];
  for (const zone of run.zones) {
    if (zone.populated) zones.push(countZone(run, zone));
  }
  const checked = {
    nodes: run.nodes.length,
    zones: zones.length,
    cpus: run.cpus,
    tasks: run.tasks,
    frames: run.frames,
    caches: run.caches,
    slabs: run.slabs,
    lists: run.lists,
    listEntries: run.listEntries,
  };
  return { violations: run.violations, omitted, frames: sumCounts(run, zones), zones, checked };
}

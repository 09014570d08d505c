import { MAX_NR_ZONES } from '../../arch/address-space.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { PER_CPU_PAGESET, ZONE } from '../mm/zone.js';
import { hasDeadCpu } from './audit-cpus.js';
import type { AuditRun } from './audit-run.js';

const SET = PER_CPU_PAGESET.at;
const AREA = CPU_AREA.at;

/**
 * Checks the event counters. An allocation that missed the node it wanted is a miss of the node it got, and foreign
 * for the other. And what was freed since boot and not allocated again is free: boot itself hands all memory over by
 * freeing it. That last sum finds a lost frame even where no place shows it.
 */
export function auditEvents(run: AuditRun): void {
  let blocks = 0;
  let misses = 0;
  let foreign = 0;
  let free = 0;
  let exact = true;
  for (const zone of run.zones) {
    free += zone.free + zone.percpu;
    exact &&= zone.exact;
    for (let cpu = 0; zone.populated && zone.exact && cpu < run.cpus; cpu++) {
      const set = run.k.i32[zone.word + ZONE.at.pageset + cpu];
      const where = `node ${zone.node}, zone ${zone.zone}, CPU ${cpu}`;
      const missed =
        counter(run, set, SET, 'miss_local', where) + counter(run, set, SET, 'miss_other', where);
      blocks +=
        counter(run, set, SET, 'hit_local', where) + counter(run, set, SET, 'hit_other', where) + missed;
      misses += missed;
      foreign += counter(run, set, SET, 'numa_foreign', where);
    }
  }
  // A broken list loses no counters, but a zone that is not exact may lack a page set.
  if (exact && misses !== foreign && !hasDeadCpu(run)) run.report({ kind: 'numa-sums', misses, foreign });
  checkPages(run, blocks, free);
}

/** @param blocks blocks allocated, of whatever order */
function checkPages(run: AuditRun, blocks: number, free: number): void {
  let freed = 0;
  let allocated = blocks;
  for (let cpu = 0; cpu < run.areas.length; cpu++) {
    const area = run.areas[cpu];
    if (area === 0) continue;
    const where = `CPU ${cpu}`;
    freed += counter(run, area, AREA, 'pgfree', where);
    for (let type = 0; type < MAX_NR_ZONES; type++) {
      // Blocks of order 0 are counted in the page sets alone.
      allocated += counter(run, area + 2 * type, AREA, 'pgalloc_pages', where);
      allocated -= counter(run, area + 2 * type, AREA, 'pgalloc_calls', where);
    }
  }
  if (!run.isClean() || hasDeadCpu(run)) return;
  if (freed - allocated !== free) run.report({ kind: 'page-events', freed, allocated, free });
}

/** The value of an event counter; 0 for one that cannot be right, which is reported. */
function counter<Name extends string>(
  run: AuditRun,
  base: number,
  at: Readonly<Record<Name, number>>,
  name: Name,
  where: string,
): number {
  const value = run.k.f64[(base + at[name]) >>> 1];
  if (Number.isSafeInteger(value) && value >= 0) return value;
  run.report({ kind: 'counter', field: `${where}, ${name}`, value: Number.isFinite(value) ? value : null });
  return 0;
}

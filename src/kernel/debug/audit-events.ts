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
      const missed = counter(run, set + SET.miss_local) + counter(run, set + SET.miss_other);
      blocks += counter(run, set + SET.hit_local) + counter(run, set + SET.hit_other) + missed;
      misses += missed;
      foreign += counter(run, set + SET.numa_foreign);
    }
  }
  // Broken lists do not matter here, but without its page set a zone has no counters.
  if (exact && misses !== foreign) run.report({ kind: 'numa-sums', misses, foreign });
  if (exact && run.isClean() && !hasDeadCpu(run)) checkPages(run, blocks, free);
}

/** @param blocks blocks allocated, of whatever order */
function checkPages(run: AuditRun, blocks: number, free: number): void {
  let freed = 0;
  let allocated = blocks;
  for (const area of run.areas) {
    freed += counter(run, area + AREA.pgfree);
    for (let type = 0; type < MAX_NR_ZONES; type++) {
      // Blocks of order 0 are counted in the page sets alone.
      allocated += counter(run, area + AREA.pgalloc_pages + 2 * type);
      allocated -= counter(run, area + AREA.pgalloc_calls + 2 * type);
    }
  }
  if (freed - allocated !== free) run.report({ kind: 'page-events', freed, allocated, free });
}

function counter(run: AuditRun, word: number): number {
  return run.k.f64[word >>> 1];
}

import { MAX_NR_ZONES, ZONE_NAMES } from '../../arch/address-space.js';
import { PAGE_WORDS } from '../../arch/page.js';
import { KERNEL } from '../core/kernel-data.js';
import { LOCK_OWNER_MASK } from '../core/lock-word.js';
import { MIGRATE_TYPES } from '../mm/gfp.js';
import { ZONE } from '../mm/zone.js';
import { checkZoneField } from './audit-nodes.js';
import type { AuditNode, AuditRun, AuditZone } from './audit-run.js';

/** Checks a zone's lock, its watermarks and the types of its pageblocks. */
export function auditZoneState(run: AuditRun, zone: AuditZone): void {
  const { i32 } = run.k;
  const { node, zone: name, word } = zone;
  checkLock(run, `node ${node}, zone ${name}, lock`, word + ZONE.at.lock);
  const min = i32[word + ZONE.at.pages_min];
  const low = i32[word + ZONE.at.pages_low];
  const high = i32[word + ZONE.at.pages_high];
  if (min < 0 || low < min || high < low) {
    run.report({ kind: 'watermark', node, zone: name, min, low, high });
  }
  if (zone.end > zone.start) auditPageblocks(run, zone);
}

/** Reports a lock that is not free. */
export function checkLock(run: AuditRun, lock: string, word: number): void {
  const value = run.k.i32[word];
  if (value !== 0) run.report({ kind: 'lock-held', lock, cpu: (value & LOCK_OWNER_MASK) - 1, value });
}

function auditPageblocks(run: AuditRun, zone: AuditZone): void {
  const { i32 } = run.k;
  const order = run.pageblockOrder;
  const first = zone.start >>> order;
  const last = (zone.end - 1) >>> order;
  checkZoneField(run, zone, 'nr_pageblocks', last - first + 1);
  const types = i32[zone.word + ZONE.at.pageblock_types];
  if (types + first < PAGE_WORDS || types + last >= i32.length) {
    const field = `node ${zone.node}, zone ${zone.zone}, pageblock_types`;
    run.report({ kind: 'structure', field, value: types, problem: 'points to no table' });
    return;
  }
  const known = i32[KERNEL.page_group_by_mobility_disabled] === 0 ? MIGRATE_TYPES : 1;
  for (let block = first; block <= last; block++) {
    const value = i32[types + block];
    if (value >= 0 && value < known) continue;
    run.report({ kind: 'pageblock', node: zone.node, zone: zone.zone, frame: block << order, value });
  }
}

/** Compares lowmem_reserve of a node's zones with the formula (facts file, section 1.8). */
export function auditLowmemReserve(run: AuditRun, node: AuditNode): void {
  const { i32 } = run.k;
  const { zones } = node;
  for (let high = 0; high < MAX_NR_ZONES; high++) {
    checkReserve(run, zones[high], high, 0);
    let above = zones[high].present;
    for (let low = high - 1; low >= 0; low--) {
      const ratio = Math.max(1, i32[KERNEL.lowmem_reserve_ratio + low]);
      checkReserve(run, zones[low], high, Math.floor(above / ratio));
      above += zones[low].present;
    }
    for (let higher = high + 1; higher < MAX_NR_ZONES; higher++) checkReserve(run, zones[higher], high, 0);
  }
}

function checkReserve(run: AuditRun, zone: AuditZone, classzone: number, expected: number): void {
  const stored = run.k.i32[zone.word + ZONE.at.lowmem_reserve + classzone];
  if (stored === expected) return;
  const { node, zone: name } = zone;
  const className = ZONE_NAMES[classzone];
  run.report({ kind: 'lowmem-reserve', node, zone: name, classzone: className, stored, expected });
}

/** Compares the sums over all zones that the kernel keeps. */
export function auditTotals(run: AuditRun): void {
  let pages = 0;
  let high = 0;
  for (const zone of run.zones) {
    pages += zone.present;
    if (zone.populated) high += run.k.i32[zone.word + ZONE.at.pages_high];
  }
  const isKnown = run.firmware !== undefined && !run.found.has('zone-span') && !run.found.has('structure');
  if (isKnown) checkTotal(run, 'vm_total_pages', pages);
  if (!run.found.has('watermark') && isKnown) checkTotal(run, 'totalreserve_pages', high);
}

function checkTotal(run: AuditRun, field: 'vm_total_pages' | 'totalreserve_pages', expected: number): void {
  const stored = run.k.i32[KERNEL[field]];
  if (stored !== expected) run.report({ kind: 'total', field, stored, expected });
}

import { audit } from '../../../src/kernel/debug/audit.js';
import { describeViolation } from '../../../src/kernel/debug/audit-describe.js';
import type { Violation } from '../../../src/kernel/debug/audit-violation.js';
import type { Cpu } from '../../../src/kernel/core/cpu.js';
import { list_add, list_del } from '../../../src/kernel/core/list.js';
import { PAGE, PG_buddy, pageOf } from '../../../src/kernel/mm/page.js';
import { FREE_AREA, freeArea, NR_FREE_PAGES, ZONE } from '../../../src/kernel/mm/zone.js';
import { freeBlocks } from '../../support/zones.js';

/** What the audit tests share: the kinds that an audit finds, and ways to break a machine on purpose. */

/** The kinds of violations, each once. */
export function kinds(violations: readonly Violation[]): string[] {
  return [...new Set(violations.map(({ kind }) => kind))].sort();
}

/** All violations of a machine, as sentences. */
export function sentences(k: Cpu): string[] {
  return audit(k).violations.map(describeViolation);
}

/** Word index of a field of a page. */
export function field(k: Cpu, pfn: number, name: keyof typeof PAGE.at): number {
  return pageOf(k.i32, pfn) + PAGE.at[name];
}

/** The frame of a block in the free lists of a zone, with its order and type. */
export function freeBlock(k: Cpu, zone: number, order: number): { pfn: number; type: number } {
  const found = freeBlocks(k, zone).find((block) => block.order === order);
  if (found === undefined) throw new Error(`no free block of order ${order}`);
  return found;
}

/** Links a block as free, counters included, as the buddy system would, but without merging and without looking. */
export function putFree(k: Cpu, zone: number, pfn: number, order: number, type: number): void {
  const { i32 } = k;
  i32[field(k, pfn, 'flags')] |= 1 << PG_buddy;
  i32[field(k, pfn, 'private')] = order;
  i32[field(k, pfn, '_count')] = 0;
  const area = freeArea(zone, order);
  list_add(i32, field(k, pfn, 'lru'), area + FREE_AREA.at.free_list + 2 * type);
  i32[area + FREE_AREA.at.nr_free]++;
  i32[zone + ZONE.at.vm_stat + NR_FREE_PAGES] += 1 << order;
}

/** Takes a free block out, counters included: its frames are then in no place. */
export function takeFree(k: Cpu, zone: number, pfn: number, order: number): void {
  const { i32 } = k;
  list_del(i32, field(k, pfn, 'lru'));
  i32[field(k, pfn, 'flags')] &= ~(1 << PG_buddy);
  i32[field(k, pfn, 'private')] = 0;
  i32[freeArea(zone, order) + FREE_AREA.at.nr_free]--;
  i32[zone + ZONE.at.vm_stat + NR_FREE_PAGES] -= 1 << order;
}

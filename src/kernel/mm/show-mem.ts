import { readOnce } from '../core/access-once.js';
import { callTrace } from '../core/call-trace.js';
import { currentComm } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { printk, printk_ratelimit } from '../core/printk.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';
import type { gfp_t } from './gfp.js';
import { zone_page_state } from './vmstat.js';
import {
  FREE_AREA,
  freeArea,
  MAX_ORDER,
  NR_ACTIVE,
  NR_FREE_PAGES,
  NR_INACTIVE,
  populatedZones,
  ZONE,
  zoneName,
} from './zone.js';

/** What the kernel prints when an allocation fails (facts file, section 1.14). */
export function warn_alloc_failed(k: Cpu, gfp_mask: gfp_t, order: number): void {
  if (!printk_ratelimit(k)) return;
  const mask = (gfp_mask >>> 0).toString(16);
  printk(k, `${currentComm(k)}: page allocation failure. order:${order}, mode:0x${mask}\n${callTrace(2)}`);
  show_mem(k);
}

/** The memory dump: every zone's state and free blocks. Any context; takes each zone->lock. */
export function show_mem(k: Cpu): void {
  const lines = ['Mem-info:'];
  const zones = populatedZones(k);
  for (const zone of zones) lines.push(stateLine(k, zone), `lowmem_reserve[]:${reserves(k, zone)}`);
  for (const zone of zones) lines.push(blocksLine(k, zone));
  printk(k, lines.join('\n'));
}

function stateLine(k: Cpu, zone: number): string {
  const { i32 } = k;
  const field = (name: string, pages: number): string => `${name}:${pages * 4}kB`;
  return [
    `Node ${i32[zone + ZONE.at.node]} ${zoneName(k, zone)}`,
    field('free', zone_page_state(k, zone, NR_FREE_PAGES)),
    field('min', i32[zone + ZONE.at.pages_min]),
    field('low', i32[zone + ZONE.at.pages_low]),
    field('high', i32[zone + ZONE.at.pages_high]),
    field('active', zone_page_state(k, zone, NR_ACTIVE)),
    field('inactive', zone_page_state(k, zone, NR_INACTIVE)),
    field('present', i32[zone + ZONE.at.present_pages]),
    `pages_scanned:${readOnce(k, zone + ZONE.at.pages_scanned)}`,
    `all_unreclaimable? ${readOnce(k, zone + ZONE.at.all_unreclaimable) !== 0 ? 'yes' : 'no'}`,
  ].join(' ');
}

function reserves(k: Cpu, zone: number): string {
  let text = '';
  for (const type of k.space.zoneTypes) text += ` ${k.i32[zone + ZONE.at.lowmem_reserve + type]}`;
  return text;
}

function blocksLine(k: Cpu, zone: number): string {
  const { i32 } = k;
  let text = `Node ${i32[zone + ZONE.at.node]} ${zoneName(k, zone)}: `;
  let total = 0;
  const flags = spin_lock_irqsave(k, zone + ZONE.at.lock);
  for (let order = 0; order < MAX_ORDER; order++) {
    const blocks = i32[freeArea(zone, order) + FREE_AREA.at.nr_free];
    total += blocks << order;
    text += `${blocks}*${4 << order}kB `;
  }
  spin_unlock_irqrestore(k, zone + ZONE.at.lock, flags);
  return `${text}= ${total * 4}kB`;
}

import { PAGE_SHIFT, SECTION_PAGES, SECTION_PAGES_SHIFT, PAGE_WORDS } from '../../arch/page.js';
import { KERNEL } from '../core/kernel-data.js';
import { TASK, TASK_KIND_CPU, TASK_KIND_THREAD, TASK_STOPPED } from '../core/task-struct.js';
import { PAGE, PG_slab } from '../mm/page.js';
import {
  NR_SLAB_RECLAIMABLE,
  NR_SLAB_UNRECLAIMABLE,
  PER_CPU_PAGESET,
  ZONE,
  ZONE_STAT_NAMES,
} from '../mm/zone.js';
import { KMEM_CACHE, SLAB } from '../slab/kmem-cache.js';
import type { AuditZone } from './audit-run.js';
import { type AuditCache, type AuditSlab, type SlabLook, SOME_SLAB } from './audit-slab-look.js';
import type { ViolationOf } from './audit-violation.js';

/** The pages of slabs: each slab has its own, and each page that says it is a slab's is. */

const SLAB_BIT = 1 << PG_slab;
const { flags: FLAGS, lru: LRU } = PAGE.at;
const FRAME_SHIFT = PAGE_SHIFT - 2;
const IN_FRAME = (1 << FRAME_SHIFT) - 1;

/** Finds all pages with PG_slab. */
export function findSlabPages(look: SlabLook): void {
  const { i32 } = look.run.k;
  for (const zone of look.run.zones) {
    for (const range of zone.ram) {
      let page = look.pageAt(zone, range.start) + FLAGS;
      for (let frame = range.start; frame < range.end; frame++, page += PAGE.words) {
        if ((i32[page] & SLAB_BIT) !== 0) look.slabOf[frame] = SOME_SLAB;
      }
    }
  }
}

/** The first frame of a slab, by what its description says; -1 when that cannot be. */
export function slabStart(look: SlabLook, cache: AuditCache, word: number): number {
  const { i32 } = look.run.k;
  const offset = i32[word + SLAB.at.colouroff];
  const start = (i32[word + SLAB.at.s_mem] >>> 0) - offset / 4;
  const frame = start / (IN_FRAME + 1);
  const size = 1 << cache.order;
  if (!(Number.isInteger(frame) && frame > 0 && frame + size <= look.run.frames && frame % size === 0))
    return -1;
  const management = cache.isOffSlab ? 0 : i32[cache.word + KMEM_CACHE.at.slab_size];
  const colour = (offset - management) / i32[cache.word + KMEM_CACHE.at.colour_off];
  const colours = Math.max(1, i32[cache.word + KMEM_CACHE.at.colour]);
  if (!(Number.isInteger(colour) && colour >= 0 && colour < colours)) return -1;
  return cache.isOffSlab || word === memoryAt(look, frame) + (offset - management) / 4 ? frame : -1;
}

/** Word index of a frame's memory. */
function memoryAt(look: SlabLook, frame: number): number {
  const memory = look.run.k.i32[KERNEL.section_memory + (frame >>> SECTION_PAGES_SHIFT)];
  return memory + (frame & (SECTION_PAGES - 1)) * PAGE_WORDS;
}

/** Notes that the pages of a slab are its, and checks that they say so. The slab is the last one in `look.slabs`. */
export function claimPages(look: SlabLook, slab: AuditSlab, start: number): void {
  const { i32 } = look.run.k;
  for (let frame = start; frame < start + (1 << slab.cache.order); frame++) {
    const before = look.slabOf[frame];
    look.slabOf[frame] = look.slabs.length;
    const zone = look.zoneOf(frame);
    if (zone === undefined) continue;
    const page = look.pageAt(zone, frame);
    if (before > 0) report(look, slab, zone, frame, 'of two slabs', look.slabs[before - 1].word);
    else if (before === 0) report(look, slab, zone, frame, 'not PG_slab', i32[page + FLAGS]);
    else if (i32[page + LRU] !== slab.cache.word) report(look, slab, zone, frame, 'cache', i32[page + LRU]);
    else if (i32[page + LRU + 1] !== slab.word) report(look, slab, zone, frame, 'slab', i32[page + LRU + 1]);
    else if (zone.node !== slab.node) report(look, slab, zone, frame, 'node', zone.node);
  }
}

function report(
  look: SlabLook,
  { word, cache }: AuditSlab,
  zone: AuditZone,
  frame: number,
  problem: ViolationOf<'slab-page'>['problem'],
  value: number,
): void {
  const where = { node: zone.node, zone: zone.zone, frame };
  look.run.report({ kind: 'slab-page', ...where, cache: cache.name, slab: word, problem, value });
}

/** Finds pages that are of no slab although they say so, and compares the statistics of the zones with the pages. */
export function auditSlabPages(look: SlabLook): void {
  const isSettled = look.complete && !look.hasTorn;
  const mayChange = !isSettled || isSomebodyAtWork(look);
  for (const zone of look.run.zones) {
    const counted = [0, 0];
    let isKnown = true;
    for (const range of zone.ram) {
      for (let frame = range.start; frame < range.end; frame++) {
        if (look.slabOf[frame] === 0) continue;
        const cache = look.cacheAt.get(look.run.k.i32[look.pageAt(zone, frame) + LRU]);
        if (cache === undefined) isKnown = false;
        else counted[cache.isReclaimable ? 0 : 1]++;
        if (look.slabOf[frame] === SOME_SLAB) checkUnclaimed(look, zone, frame, cache, mayChange);
      }
    }
    const isCountable =
      isKnown && isSettled && !look.run.found.has('slab-page') && !look.run.found.has('structure');
    if (!isCountable || !zone.populated) continue;
    checkStatistic(look, zone, NR_SLAB_RECLAIMABLE, counted[0]);
    checkStatistic(look, zone, NR_SLAB_UNRECLAIMABLE, counted[1]);
  }
}

/** A page of a slab that is in no list. While a slab is made or ended, it is in none. */
function checkUnclaimed(
  look: SlabLook,
  zone: AuditZone,
  frame: number,
  cache: AuditCache | undefined,
  mayChange: boolean,
): void {
  const { i32 } = look.run.k;
  const slab = i32[look.pageAt(zone, frame) + LRU + 1];
  if (mayChange || look.unclear.has(slab)) return;
  look.run.report({
    kind: 'slab-lost',
    node: zone.node,
    zone: zone.zone,
    frame,
    cache: cache?.name ?? `at word ${i32[look.pageAt(zone, frame) + LRU]}`,
    slab,
  });
}

/** Whether any task is in the middle of something. */
function isSomebodyAtWork(look: SlabLook): boolean {
  const { i32 } = look.run.k;
  const first = i32[KERNEL.tasks];
  const words = i32[KERNEL.task_words];
  for (let slot = 0; slot < i32[KERNEL.nr_tasks]; slot++) {
    const task = first + slot * words;
    if (!look.isMemory(task, TASK.words)) return true;
    const kind = i32[task + TASK.at.kind];
    if (kind === TASK_KIND_THREAD && i32[task + TASK.at.usage] !== 0) return true;
    if (kind === TASK_KIND_CPU && i32[task + TASK.at.state] !== TASK_STOPPED) return true;
  }
  return false;
}

function checkStatistic(look: SlabLook, zone: AuditZone, item: number, counted: number): void {
  const { i32 } = look.run.k;
  let stored = i32[zone.word + ZONE.at.vm_stat + item];
  for (let cpu = 0; cpu < look.run.cpus; cpu++) {
    stored += i32[i32[zone.word + ZONE.at.pageset + cpu] + PER_CPU_PAGESET.at.vm_stat_diff + item];
  }
  if (stored === counted) return;
  const { node, zone: name } = zone;
  look.run.report({ kind: 'slab-pages', node, zone: name, item: ZONE_STAT_NAMES[item], stored, counted });
}

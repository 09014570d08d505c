import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { KERNEL, kernelDataName } from '../core/kernel-data.js';
import { TASK } from '../core/task-struct.js';
import { nameTask, taskAt } from '../core/tasks.js';
import { PAGE } from '../mm/page.js';
import { percpuName, PERCPU_WORDS } from '../mm/percpu.js';
import { percpuPointerAt } from '../mm/percpu-alloc.js';
import {
  NODE_DATA,
  PAGESET_STRIDE,
  PER_CPU_PAGESET,
  PG_DATA,
  populatedZones,
  ZONE,
  zoneName,
  zoneOf,
} from '../mm/zone.js';
import { slabWordName } from './name-of-slab.js';
import { MAX_NR_ZONES } from '../../arch/address-space.js';
import { SECTION_BYTES, SECTION_PAGES, WORDS_PER_SECTION } from '../../arch/page.js';

/**
 * What lies at a word of the image, in words of the kernel: `node 0, zone Normal, free_area[3].nr_free`,
 * `page 0x1a2f _count`, `cpu 1, preempt_count`, `cache size-64, node 0 list_lock`. For reports, audits and traces; any thread.
 */
export function nameOf(k: Cpu, index: number): string {
  return (
    kernelDataName(index) ??
    nodeWordName(k, index) ??
    cpuWordName(k, index) ??
    taskWordName(k, index) ??
    percpuWordName(k, index) ??
    pagesetWordName(k, index) ??
    pageWordName(k, index) ??
    slabWordName(k, index) ??
    memoryName(k, index)
  );
}

function nodeWordName(k: Cpu, index: number): string | undefined {
  for (let nid = 0; nid < k.i32[KERNEL.nr_nodes]; nid++) {
    const data = NODE_DATA(k, nid);
    if (data === 0 || index < data || index >= data + PG_DATA.words) continue;
    const type = Math.floor((index - zoneOf(k, nid, 0)) / ZONE.words);
    if (type < 0 || type >= MAX_NR_ZONES) return `node ${nid}, ${PG_DATA.nameAt(index - data).slice(1)}`;
    const zone = zoneOf(k, nid, type);
    return `node ${nid}, zone ${zoneName(k, zone)}, ${ZONE.nameAt(index - zone).slice(1)}`;
  }
  return undefined;
}

function cpuWordName(k: Cpu, index: number): string | undefined {
  for (let cpu = 0; cpu <= k.i32[KERNEL.nr_cpus]; cpu++) {
    const area = k.i32[KERNEL.cpu_area + cpu];
    if (area !== 0 && index >= area && index < area + CPU_AREA.words) {
      return `cpu ${cpu}, ${CPU_AREA.nameAt(index - area).slice(1)}`;
    }
  }
  return undefined;
}

function taskWordName(k: Cpu, index: number): string | undefined {
  const offset = index - k.i32[KERNEL.tasks];
  const words = k.i32[KERNEL.task_words];
  const slot = Math.floor(offset / words);
  if (words === 0 || !(slot >= 0 && slot < k.i32[KERNEL.nr_tasks])) return undefined;
  const task = taskAt(k, slot);
  if (index - task >= TASK.words) return `${nameTask(k, task)}, private zonelists`;
  return `${nameTask(k, task)}, ${TASK.nameAt(index - task).slice(1)}`;
}

function percpuWordName(k: Cpu, index: number): string | undefined {
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    const area = k.i32[KERNEL.cpu_area + cpu];
    if (area !== 0 && index >= area && index < area + PERCPU_WORDS) {
      return `cpu ${cpu}, ${percpuName(k, index - area) ?? `per-CPU area[${index - area}]`}`;
    }
    const pointer = area === 0 ? 0 : percpuPointerAt(k, area, index);
    if (pointer !== 0) return `cpu ${cpu}, dynamic per-CPU memory ${pointer}`;
  }
  return undefined;
}

function pagesetWordName(k: Cpu, index: number): string | undefined {
  for (const zone of populatedZones(k)) {
    for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
      const pageset = k.i32[zone + ZONE.at.pageset + cpu];
      if (pageset === 0 || index < pageset || index >= pageset + PAGESET_STRIDE) continue;
      const field = PER_CPU_PAGESET.nameAt(index - pageset);
      return `node ${k.i32[zone + ZONE.at.node]}, zone ${zoneName(k, zone)}, cpu ${cpu} pageset${field}`;
    }
  }
  return undefined;
}

function pageWordName(k: Cpu, index: number): string | undefined {
  for (let nid = 0; nid < k.i32[KERNEL.nr_nodes]; nid++) {
    const data = NODE_DATA(k, nid);
    if (data === 0) continue;
    const map = k.i32[data + PG_DATA.at.node_mem_map];
    const pfn = Math.floor((index - map) / PAGE.words);
    const start = k.i32[data + PG_DATA.at.node_start_pfn];
    if (pfn < start || pfn >= start + k.i32[data + PG_DATA.at.node_spanned_pages]) continue;
    return `page 0x${pfn.toString(16)} ${PAGE.nameAt(index - map - pfn * PAGE.words).slice(1)}`;
  }
  return undefined;
}

function memoryName(k: Cpu, index: number): string {
  const { i32 } = k;
  const sections = Math.ceil(i32[KERNEL.max_pfn] / SECTION_PAGES);
  for (let section = 0; section < sections; section++) {
    const start = i32[KERNEL.section_memory + section];
    if (start < 0 || index < start || index >= start + WORDS_PER_SECTION) continue;
    const physical = section * SECTION_BYTES + (index - start) * 4;
    return `memory 0x${physical.toString(16)}`;
  }
  return `image word ${index}`;
}

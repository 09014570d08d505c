import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { describeFaultFiles, faultFiles, isMissingFaultFile } from './sys/fault-attr.js';

/** Files that there are once. */
export const FILES = [
  '/proc/buddyinfo',
  '/proc/interrupts',
  '/proc/loadavg',
  '/proc/meminfo',
  '/proc/mempools',
  '/proc/pagetypeinfo',
  '/proc/slab_allocators',
  '/proc/slabinfo',
  '/proc/stat',
  '/proc/sys/vm/lowmem_reserve_ratio',
  '/proc/sys/vm/min_free_kbytes',
  '/proc/sys/vm/numa_zonelist_order',
  '/proc/sys/vm/percpu_pagelist_fraction',
  '/proc/vmstat',
  '/proc/zoneinfo',
  '/sys/devices/system/cpu/online',
  '/sys/devices/system/node/online',
  '/sys/devices/system/node/possible',
  '/sys/kernel/debug/extfrag/unusable_index',
] as const;

/** Files in each node's folder. */
export const NODE_FILES = ['cpulist', 'cpumap', 'distance', 'meminfo', 'numastat'] as const;

/** The folder of a node. */
export const NODE_FOLDER = '/sys/devices/system/node/node';

/** The paths of all pseudo files of this machine. */
export function listFiles(k: Cpu): string[] {
  const files: string[] = [...FILES];
  for (let nid = 0; nid < k.i32[KERNEL.nr_nodes]; nid++) {
    for (const name of NODE_FILES) files.push(`${NODE_FOLDER}${nid}/${name}`);
  }
  files.push(...faultFiles(k));
  return files;
}

/** Why a path is none of these, for a message. */
export function describeMissing(k: Cpu, path: string): string {
  if (isMissingFaultFile(k, path)) return 'no such file: it is there on a machine with debug.faults';
  return `no such file; there are ${describeFiles(k)}`;
}

/** {@link listFiles} with nodes together. */
function describeFiles(k: Cpu): string {
  const nodes = k.i32[KERNEL.nr_nodes];
  const node = nodes === 1 ? '0' : `{0..${nodes - 1}}`;
  return `${FILES.join(', ')}, ${NODE_FOLDER}${node}/{${NODE_FILES.join(',')}}${describeFaultFiles(k)}`;
}

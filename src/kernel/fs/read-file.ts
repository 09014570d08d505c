import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { ENOENT, FileError } from './file-error.js';
import { describeMissing, FILES, NODE_FILES, NODE_FOLDER } from './list-files.js';
import { buddyinfo } from './proc/buddyinfo.js';
import { interrupts } from './proc/interrupts.js';
import { loadavg } from './proc/loadavg.js';
import { meminfo } from './proc/meminfo.js';
import { mempools } from './proc/mempools.js';
import { pagetypeinfo } from './proc/pagetypeinfo.js';
import { slabAllocators } from './proc/slab-allocators.js';
import { slabinfo } from './proc/slabinfo.js';
import { stat } from './proc/stat.js';
import { vmstat } from './proc/vmstat.js';
import { zoneinfo } from './proc/zoneinfo.js';
import { unusableIndex } from './sys/extfrag.js';
import { cpuOnline, nodeCpulist, nodeCpumap } from './sys/node-cpus.js';
import { faultFiles, readFaultFile } from './sys/fault-attr.js';
import { nodeDistance } from './sys/node-distance.js';
import { nodeMeminfo } from './sys/node-meminfo.js';
import { nodeNumastat } from './sys/node-numastat.js';
import { nodeOnline } from './sys/node-online.js';
import { lowmemReserveRatio } from './sysctl/lowmem-reserve-ratio.js';
import { minFreeKbytes } from './sysctl/min-free-kbytes.js';
import { numaZonelistOrder } from './sysctl/numa-zonelist-order.js';
import { percpuPagelistFraction } from './sysctl/percpu-pagelist-fraction.js';

/**
 * The text of a pseudo file, as the kernel prints it at this moment. Other CPUs may run: locks are held a zone at a
 * time, so zones, and counters of different CPUs, are of slightly different moments.
 *
 * @param path absolute, as Linux has it: `/proc/buddyinfo`
 * @throws FileError (-ENOENT) when there is no such file; its text lists those that there are
 *
 * Context: any; takes each zone->lock, and the locks of slab caches.
 */
export function readFile(k: Cpu, path: string): string {
  for (const file of FILES) if (file === path) return readGlobalFile(k, file);
  for (let nid = 0; nid < k.i32[KERNEL.nr_nodes]; nid++) {
    for (const file of NODE_FILES) {
      if (path === `${NODE_FOLDER}${nid}/${file}`) return readNodeFile(k, nid, file);
    }
  }
  if (faultFiles(k).includes(path)) return readFaultFile(k, path);
  throw new FileError(path, ENOENT, describeMissing(k, path));
}

function readGlobalFile(k: Cpu, file: (typeof FILES)[number]): string {
  switch (file) {
    case '/proc/buddyinfo':
      return buddyinfo(k);
    case '/proc/interrupts':
      return interrupts(k);
    case '/proc/loadavg':
      return loadavg(k);
    case '/proc/meminfo':
      return meminfo(k);
    case '/proc/mempools':
      return mempools(k);
    case '/proc/pagetypeinfo':
      return pagetypeinfo(k);
    case '/proc/slab_allocators':
      return slabAllocators(k);
    case '/proc/slabinfo':
      return slabinfo(k);
    case '/proc/stat':
      return stat(k);
    case '/proc/sys/vm/lowmem_reserve_ratio':
      return lowmemReserveRatio(k);
    case '/proc/sys/vm/min_free_kbytes':
      return minFreeKbytes(k);
    case '/proc/sys/vm/numa_zonelist_order':
      return numaZonelistOrder(k);
    case '/proc/sys/vm/percpu_pagelist_fraction':
      return percpuPagelistFraction(k);
    case '/proc/vmstat':
      return vmstat(k);
    case '/proc/zoneinfo':
      return zoneinfo(k);
    case '/sys/devices/system/cpu/online':
      return cpuOnline(k);
    case '/sys/devices/system/node/online':
    case '/sys/devices/system/node/possible':
      return nodeOnline(k);
    case '/sys/kernel/debug/extfrag/unusable_index':
      return unusableIndex(k);
  }
}

function readNodeFile(k: Cpu, nid: number, file: (typeof NODE_FILES)[number]): string {
  switch (file) {
    case 'cpulist':
      return nodeCpulist(k, nid);
    case 'cpumap':
      return nodeCpumap(k, nid);
    case 'distance':
      return nodeDistance(k, nid);
    case 'meminfo':
      return nodeMeminfo(k, nid);
    case 'numastat':
      return nodeNumastat(k, nid);
  }
}

import type { Cpu } from '../core/cpu.js';
import { EACCES, ENOENT, FileError } from './file-error.js';
import { describeMissing, listFiles } from './list-files.js';
import { writeSlabinfo } from './proc/write-slabinfo.js';
import { faultFiles, writeFaultFile } from './sys/fault-attr.js';
import { writeLowmemReserveRatio } from './sysctl/lowmem-reserve-ratio.js';
import { writeMinFreeKbytes } from './sysctl/min-free-kbytes.js';
import { writeNumaZonelistOrder } from './sysctl/numa-zonelist-order.js';
import { writePercpuPagelistFraction } from './sysctl/percpu-pagelist-fraction.js';

/**
 * Writes a pseudo file, as `echo text > path` does.
 *
 * All other CPUs are stopped, and the caller has stopped them: the watermarks, page sets and zonelists that change are
 * read by every CPU without a lock.
 *
 * @throws FileError -ENOENT: no such file; -EACCES: it is read-only; -EINVAL: not a value for it. Nothing changed then;
 *   -ENOMEM: there is no memory for it
 * @throws WaitGivenUp when a task that was stopped has what this needs: it must be done again
 */
export function writeFile(k: Cpu, path: string, text: string): void {
  switch (path) {
    case '/proc/slabinfo':
      writeSlabinfo(k, path, text);
      return;
    case '/proc/sys/vm/lowmem_reserve_ratio':
      writeLowmemReserveRatio(k, path, text);
      return;
    case '/proc/sys/vm/min_free_kbytes':
      writeMinFreeKbytes(k, path, text);
      return;
    case '/proc/sys/vm/numa_zonelist_order':
      writeNumaZonelistOrder(k, path, text);
      return;
    case '/proc/sys/vm/percpu_pagelist_fraction':
      writePercpuPagelistFraction(k, path, text);
      return;
    default:
      if (faultFiles(k).includes(path)) {
        writeFaultFile(k, path, text);
        return;
      }
      if (!listFiles(k).includes(path)) {
        throw new FileError(path, ENOENT, describeMissing(k, path));
      }
      throw new FileError(
        path,
        EACCES,
        'the file is read-only; /proc/slabinfo and those in /proc/sys can be written, with debug.faults those of failures',
      );
  }
}

import type { Cpu } from '../../core/cpu.js';
import { CPU_AREA } from '../../core/cpu-area.js';
import { local_irq_save } from '../../core/irqflags.js';
import { KERNEL } from '../../core/kernel-data.js';
import { drain_local_pages } from '../../mm/page-sets.js';
import { zone_batchsize } from '../../mm/zone-setup.js';
import { PCP_HOT, PER_CPU_PAGES, populatedZones, ZONE } from '../../mm/zone.js';
import { EINVAL, FileError } from '../file-error.js';
import { INT_MAX, parseIntegers } from './parse-integers.js';

/** The smallest fraction: a list may hold an eighth of its zone. */
const LEAST_FRACTION = 8;
/** The largest batch that follows from a fraction: 8 times PAGE_SHIFT. */
const MOST_BATCH = 96;

/** /proc/sys/vm/percpu_pagelist_fraction: which part of a zone a hot list may hold; 0: by the zone's size. */
export function percpuPagelistFraction(k: Cpu): string {
  return `${k.i32[KERNEL.percpu_pagelist_fraction]}\n`;
}

/**
 * Sets the limit and the batch of the hot lists of all CPUs, online or not. The lists are emptied
 * first, so that none is above its new limit. 2.6.24 takes no 0 here; later kernels do, to go back to the sizes of
 * boot. All other CPUs are stopped.
 */
export function writePercpuPagelistFraction(k: Cpu, path: string, text: string): void {
  const fraction = parseIntegers(path, text, 1, 0)[0];
  if (fraction !== 0 && fraction < LEAST_FRACTION) {
    throw new FileError(
      path,
      EINVAL,
      `${fraction} would let one list hold too much; write 0 (sizes of boot) or an integer from ` +
        `${LEAST_FRACTION} to ${INT_MAX}`,
    );
  }
  k.i32[KERNEL.percpu_pagelist_fraction] = fraction;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) drainStopped(k.as(cpu));
  for (const zone of populatedZones(k)) {
    for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) setHotList(k, zone, cpu, fraction);
  }
}

/** Empties the lists of a CPU that is stopped. Interrupts that are pending there are not for the caller to serve. */
function drainStopped(k: Cpu): void {
  const flags = local_irq_save(k);
  drain_local_pages(k);
  k.i32[k.area + CPU_AREA.at.irqs_disabled] = flags;
}

function setHotList(k: Cpu, zone: number, cpu: number, fraction: number): void {
  const pcp = k.i32[zone + ZONE.at.pageset + cpu] + PCP_HOT * PER_CPU_PAGES.words;
  const present = k.i32[zone + ZONE.at.present_pages];
  const byZone = zone_batchsize(present);
  const high = fraction === 0 ? 6 * byZone : Math.floor(present / fraction);
  const batch = fraction === 0 ? byZone : Math.min(high >>> 2, MOST_BATCH);
  k.i32[pcp + PER_CPU_PAGES.at.high] = high;
  k.i32[pcp + PER_CPU_PAGES.at.batch] = Math.max(1, batch);
}

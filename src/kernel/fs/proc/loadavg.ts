import type { Cpu } from '../../core/cpu.js';
import { KERNEL } from '../../core/kernel-data.js';
import { LOAD_SHIFT, loadAverages, nr_running } from '../../cpu/load-average.js';
import { nr_threads } from '../../sched/task-slots.js';

const ONE = 1 << LOAD_SHIFT;

/**
 * /proc/loadavg (2.6.24): the load averages over 1, 5 and 15 minutes, how many tasks can run of how many there are, and
 * the last pid.
 */
export function loadavg(k: Cpu): string {
  let text = '';
  for (const average of loadAverages(k)) text += `${fixedPoint(average)} `;
  return `${text}${nr_running(k)}/${nr_threads(k)} ${Atomics.load(k.i32, KERNEL.last_pid)}\n`;
}

/** `%d.%02d`, rounded. */
export function fixedPoint(average: number): string {
  const rounded = average + Math.floor(ONE / 200);
  const hundredths = Math.floor(((rounded % ONE) * 100) / ONE);
  return `${Math.floor(rounded / ONE)}.${String(hundredths).padStart(2, '0')}`;
}

import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { COMM_BYTES } from '../core/limits.js';
import { heldLocks, holdSite } from '../core/lock-report.js';
import { HARDIRQ_MASK, SOFTIRQ_MASK } from '../core/preempt.js';

/**
 * The report of a CPU that does not poll, with all that its area tells of it: the CPU goes on meanwhile, a deliberate
 * race. Any thread.
 *
 * @param milliseconds how long it has not polled
 * @param work what it was told to run, '' if that is not known
 */
export function softLockupReport(k: Cpu, cpu: number, milliseconds: number, work: string): string {
  const area = k.i32[KERNEL.cpu_area + cpu];
  const comm = k.image.readText((area + CPU_AREA.at.comm) * 4, COMM_BYTES);
  const pid = readOnce(k, area + CPU_AREA.at.pid);
  const count = readOnce(k, area + CPU_AREA.at.preempt_count);
  const irqs = readOnce(k, area + CPU_AREA.at.irqs_disabled) === 0 ? 'on' : 'off';
  const context =
    (count & HARDIRQ_MASK) !== 0 ? 'hardirq' : (count & SOFTIRQ_MASK) !== 0 ? 'softirq' : 'process';
  const locks = heldLocks(k, cpu);
  const lines = [
    `BUG: soft lockup - CPU#${cpu} stuck for ${Math.floor(milliseconds / 1000)}s! [${comm}:${pid}]`,
    `CPU: ${cpu} PID: ${pid} comm: ${comm} context: ${context} ` +
      `preempt_count: ${(count >>> 0).toString(16).padStart(8, '0')} irqs: ${irqs}`,
  ];
  if (work !== '') lines.push(`running: ${work}`);
  if (locks.length === 0) lines.push('locks held: none');
  for (const lock of locks) {
    const site = holdSite(k, lock, cpu);
    lines.push(`lock held: ${k.nameOf(lock)}${site === '' ? '' : `, taken at:\n${site}`}`);
  }
  return lines.join('\n');
}

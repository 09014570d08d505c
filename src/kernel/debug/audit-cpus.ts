import { CPU_AREA, CPU_DEAD, CPU_OFFLINE, CPU_ONLINE, TRANSIT_ORDER_SHIFT } from '../core/cpu-area.js';
import { CPU_IRQ, KERNEL_IRQ, NR_IRQS } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';
import { irqDesc } from '../cpu/irq.js';
import { CPUMASK_WORDS } from '../core/limits.js';
import { isStructure } from './audit-nodes.js';
import type { AuditRun } from './audit-run.js';
import { checkLock } from './audit-zone-state.js';

const AREA = CPU_AREA.at;
/** Fields that are 0 while a CPU may be stopped. */
const QUIET = ['locks_held', 'preempt_count', 'irqs_disabled'] as const;

/** Finds the areas of the CPUs and of the console. */
export function findCpuAreas(run: AuditRun): void {
  const areas: number[] = [];
  for (let cpu = 0; cpu <= run.cpus; cpu++) {
    const isArea = isStructure(run, `cpu_area[${cpu}]`, KERNEL.cpu_area + cpu, CPU_AREA.words);
    areas.push(isArea ? run.k.i32[KERNEL.cpu_area + cpu] : 0);
  }
  run.areas = areas;
}

/** Checks that every CPU is as a quiet one is, and that the locks which belong to no zone are free. */
export function auditCpus(run: AuditRun): void {
  for (let cpu = 0; cpu < run.cpus; cpu++) if (run.areas[cpu] !== 0) auditCpu(run, cpu, run.areas[cpu]);
  checkLock(run, 'call_lock', KERNEL.call_lock);
  checkLock(run, 'irq_lock', KERNEL.irq + KERNEL_IRQ.at.irq_lock);
  for (let irq = 0; irq < NR_IRQS; irq++) checkLock(run, `irq_desc[${irq}] lock`, irqDesc(irq));
  checkLock(run, 'logbuf_lock', KERNEL.logbuf_lock);
  checkLock(run, 'symbol_lock', KERNEL.symbol_lock);
  checkLock(run, 'lockdep_lock', KERNEL.lockdep_lock);
  checkLock(run, 'depot_lock', KERNEL.depot_lock);
  const { i32 } = run.k;
  for (let word = 0; word < CPUMASK_WORDS; word++) {
    const value = i32[KERNEL.call_awaited + word];
    if (value !== 0) run.report({ kind: 'call-pending', field: 'call_awaited', value });
  }
}

function auditCpu(run: AuditRun, cpu: number, area: number): void {
  const { i32 } = run.k;
  const state = i32[area + AREA.state];
  const inOnlineMap = ((i32[KERNEL.cpu_online_map + (cpu >>> 5)] >>> (cpu & 31)) & 1) !== 0;
  const isState = state === CPU_OFFLINE || state === CPU_ONLINE || state === CPU_DEAD;
  if (!isState || inOnlineMap !== (state === CPU_ONLINE)) {
    run.report({ kind: 'cpu-state', cpu, state, inOnlineMap });
  }
  const value = i32[area + AREA.call_todo];
  if (value !== 0) run.report({ kind: 'call-pending', field: 'call_todo', value });
  const transit = i32[area + AREA.pageInTransit];
  if (transit !== 0) {
    const frame = transit & ((1 << TRANSIT_ORDER_SHIFT) - 1);
    run.report({ kind: 'in-transit', cpu, frame, order: transit >>> TRANSIT_ORDER_SHIFT });
  }
  const { tasklets_hi, tasklets, timers } = CPU_IRQ.at;
  checkLock(run, `cpu ${cpu} tasklets_hi lock`, area + AREA.irq + tasklets_hi);
  checkLock(run, `cpu ${cpu} tasklets lock`, area + AREA.irq + tasklets);
  checkLock(run, `cpu ${cpu} timers lock`, area + AREA.irq + timers);
  // What a dead CPU was in the middle of stays in its area for ever.
  if (state === CPU_DEAD) return;
  for (const field of QUIET) {
    const value = i32[area + AREA[field]];
    if (value !== 0) run.report({ kind: 'cpu-context', cpu, field, value });
  }
}

/** Whether a CPU died: then the event counters may lack what it was just doing. */
export function hasDeadCpu(run: AuditRun): boolean {
  return run.k.i32[KERNEL.cpu_deaths] !== 0;
}

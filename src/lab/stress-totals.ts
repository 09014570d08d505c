import { MAX_ORDER } from '../kernel/mm/zone.js';
import type { Machine } from '../machine/machine.js';
import { STRESS_COUNTERS, type StressControl, type StressCounter } from './stress-control.js';
import type { StressCpus } from './stress-cpus.js';
import type { StressCounts, StressCpuResult } from './stress-result.js';

/** What each CPU has counted. */
export function cpuResults(machine: Machine, control: StressControl, cpus: StressCpus): StressCpuResult[] {
  return cpus.numbers().map((cpu) => ({
    cpu,
    node: machine.hardware.cpuNodes[cpu] ?? 0,
    lives: cpus.lives(cpu),
    ...counters((name) => control.count(cpu, name)),
    allocatedByOrder: byOrder(control, control.allocatedByOrder(cpu)),
    failedByOrder: byOrder(control, control.failedByOrder(cpu)),
  }));
}

/** The sum over CPUs. */
export function sumCounts(counts: readonly StressCounts[]): StressCounts {
  const orders = Array.from({ length: MAX_ORDER }, (_, order) => order);
  return {
    ...counters((name) => counts.reduce((sum, each) => sum + each[name], 0)),
    allocatedByOrder: orders.map((order) =>
      counts.reduce((sum, each) => sum + each.allocatedByOrder[order], 0),
    ),
    failedByOrder: orders.map((order) => counts.reduce((sum, each) => sum + each.failedByOrder[order], 0)),
  };
}

function counters(read: (name: StressCounter) => number): Record<StressCounter, number> {
  return Object.fromEntries(STRESS_COUNTERS.map((name) => [name, read(name)])) as Record<
    StressCounter,
    number
  >;
}

function byOrder(control: StressControl, start: number): number[] {
  return [...control.f64.slice(start, start + MAX_ORDER)];
}

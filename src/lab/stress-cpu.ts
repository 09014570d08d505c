import type { Kernel } from '../kernel/kernel.js';
import { MPOL_DEFAULT } from '../kernel/mm/mempolicy.js';
import { StressControl, TABLE_FREE, TABLE_ORPHANED } from './stress-control.js';
import { OP_RESCUE } from './stress-operations.js';
import type { StressWorkload } from './stress-options.js';
import { guarded, RUN, STOP_AND_FREE } from './stress-stop.js';
import { Stressor } from './stress-stressor.js';
import { StressTable } from './stress-table.js';
import { workloadStep } from './stress-workloads.js';

/** What a CPU's part of a stress run needs to know. */
export interface StressTask {
  readonly buffer: SharedArrayBuffer;
  readonly workload: StressWorkload;
  readonly seed: number;
  /** How often the CPU was started in this run, before this time. */
  readonly life: number;
  /** Pages that are the CPU's share of the machine. */
  readonly share: number;
}

/** Operations between two looks at whether another CPU has died. */
const RESCUE_INTERVAL = 64;

/** How long to wait at a time while another CPU works with this one's table. Milliseconds. */
const TABLE_WAIT_MS = 5;

/** The main loop of a CPU: until it is told to stop. Runs on the CPU. */
export function stress(k: Kernel, task: StressTask): void {
  const control = new StressControl(task.buffer);
  guarded(control, () => {
    takeOwnTable(k, control);
    const stressor = new Stressor(k, control, task);
    k.set_mempolicy(MPOL_DEFAULT);
    const step = workloadStep(task.workload, stressor);
    while (control.stopState() === RUN) {
      step();
      stressor.ended();
      if (stressor.operations % RESCUE_INTERVAL === 0 && control.hasOrphans()) rescue(k, control, stressor);
    }
    k.set_mempolicy(MPOL_DEFAULT);
    if (control.stopState() === STOP_AND_FREE) stressor.freeAll();
    control.releaseTable(k.cpu);
  });
}

/** Frees what is left in all tables and mailboxes. Runs on one CPU, after {@link stress} has ended on all. */
export function settle(k: Kernel, task: StressTask): void {
  const control = new StressControl(task.buffer);
  guarded(control, () => {
    for (let cpu = 0; cpu < control.cpus; cpu++) {
      if (!control.takeTable(cpu, TABLE_ORPHANED, k.cpu)) control.takeTable(cpu, TABLE_FREE, k.cpu);
      salvage(k, control, cpu);
      control.releaseTable(cpu);
    }
    control.takeTable(k.cpu, TABLE_FREE, k.cpu);
    new Stressor(k, control, task).emptyMailboxes();
    control.releaseTable(k.cpu);
  });
}

/** Brings the free pages of all CPUs' lists back to the buddy system. Runs on one CPU. */
export function drain(k: Kernel): void {
  k.drain_all_pages();
}

/** Waits until the blocks of this CPU's former life are in order. */
function takeOwnTable(k: Kernel, control: StressControl): void {
  for (;;) {
    if (control.takeTable(k.cpu, TABLE_FREE, k.cpu)) return;
    // Nobody else has had the time.
    if (control.takeTable(k.cpu, TABLE_ORPHANED, k.cpu)) {
      salvage(k, control, k.cpu);
      return;
    }
    control.i32[control.beats(k.cpu)]++;
    control.waitForTable(k.cpu, control.ownerOf(k.cpu), TABLE_WAIT_MS);
    k.poll();
  }
}

/** Verifies and frees the blocks of dead CPUs. */
function rescue(k: Kernel, control: StressControl, stressor: Stressor): void {
  for (let cpu = 0; cpu < control.cpus; cpu++) {
    if (!control.takeTable(cpu, TABLE_ORPHANED, k.cpu)) continue;
    const note = stressor.note(OP_RESCUE, 0, 0, cpu, 0);
    salvage(k, control, cpu);
    control.finish(note, 0);
    control.releaseTable(cpu);
  }
}

function salvage(k: Kernel, control: StressControl, cpu: number): void {
  const blocks = new StressTable(control, cpu).salvage(k, (pfn, order) => {
    k.__free_pages(pfn, order);
    control.i32[control.beats(k.cpu)]++;
  });
  control.f64[control.counter(k.cpu, 'rescued')] += blocks;
}

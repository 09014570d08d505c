import type { FailureKind } from '../../engine/failure.js';
import type { MachineScenario, Scenario } from '../../scenario.js';
import { AFFINITY_PARTS } from './affinity.js';
import { ATOMIC_PARTS } from './atomics.js';
import { BUDDY_PARTS } from './buddy.js';
import { CALL_PARTS } from './calls.js';
import { COMPLETION_PARTS } from './completion.js';
import { DRAIN_PARTS } from './drain.js';
import { INTERRUPT_PARTS } from './interrupts.js';
import type { KernelPart } from './kernel-part.js';
import { LEAVE_LINES_PARTS } from './leave-lines.js';
import { MEMPOOL_PARTS } from './mempool.js';
import { MUTEX_PARTS } from './mutex.js';
import { PAGE_LIST_PARTS } from './page-lists.js';
import { PERCPU_PARTS } from './percpu.js';
import { REFERENCE_PARTS } from './references.js';
import { RWLOCK_PARTS } from './rwlock.js';
import { SEMAPHORE_PARTS } from './semaphore.js';
import { SEQLOCK_PARTS } from './seqlock.js';
import { SLAB_PARTS } from './slab.js';
import { SOFTIRQ_PARTS } from './softirq.js';
import { SPINLOCK_PARTS } from './spinlock.js';
import { TASKLET_PARTS } from './tasklet.js';
import { TASK_PARTS } from './tasks.js';
import { TIMER_PARTS } from './timer.js';
import { UNPLUGGING_PARTS } from './unplugging.js';
import { WAIT_QUEUE_PARTS } from './wait-queue.js';
import { ZONE_PARTS } from './zones.js';

/** A scenario of the kernel, and what the explorer has to say of it. */
export interface KernelCheck {
  readonly name: string;
  readonly scenario: MachineScenario;
  /** Silence, or a failure of one of these kinds. */
  readonly expect: 'pass' | readonly FailureKind[];
}

const PARTS: readonly KernelPart[] = [
  ...SPINLOCK_PARTS,
  ...RWLOCK_PARTS,
  ...SEQLOCK_PARTS,
  ...ATOMIC_PARTS,
  ...BUDDY_PARTS,
  ...PAGE_LIST_PARTS,
  ...REFERENCE_PARTS,
  ...DRAIN_PARTS,
  ...CALL_PARTS,
  ...PERCPU_PARTS,
  ...ZONE_PARTS,
  ...UNPLUGGING_PARTS,
  ...INTERRUPT_PARTS,
  ...SOFTIRQ_PARTS,
  ...TASKLET_PARTS,
  ...TIMER_PARTS,
  ...TASK_PARTS,
  ...AFFINITY_PARTS,
  ...WAIT_QUEUE_PARTS,
  ...COMPLETION_PARTS,
  ...MUTEX_PARTS,
  ...SEMAPHORE_PARTS,
  ...LEAVE_LINES_PARTS,
  ...MEMPOOL_PARTS,
  ...SLAB_PARTS,
];

function checksOf(parts: readonly KernelPart[]): KernelCheck[] {
  const checks: KernelCheck[] = [];
  for (const { right, mutants } of parts) {
    checks.push({ name: right.name, scenario: right, expect: 'pass' });
    for (const { scenario, kinds } of mutants) checks.push({ name: scenario.name, scenario, expect: kinds });
  }
  return checks;
}

/** The properties of the kernel as it is, each followed by the same of wrong kernels. Names are unique. */
export const KERNEL_CHECKS: readonly KernelCheck[] = checksOf(PARTS);

function scenariosOf(checks: readonly KernelCheck[]): Scenario[] {
  const scenarios: Scenario[] = [];
  for (const check of checks) scenarios.push(check.scenario);
  return scenarios;
}

/** The scenarios alone, in the same order: so this file is one that `gfp check` can explore. */
export default scenariosOf(KERNEL_CHECKS);

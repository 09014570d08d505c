import type { Kernel } from '../kernel/kernel.js';
import { firstCache, nextCache } from '../kernel/slab/cache-chain.js';
import { ObjectControl } from './object-stress-control.js';
import { endShared, kindsOf, makeShared } from './object-stress-kinds.js';
import { ObjectWorker, type ObjectTaskPlan } from './object-stress-worker.js';
import { objectStep } from './object-stress-workloads.js';
import { guarded, STOP_AND_FREE } from './stress-stop.js';

/** What runs on the machine in a stress run of objects. */

/** A task: until it is told to stop. */
export function objectTask(k: Kernel, plan: ObjectTaskPlan): void {
  asTask(k, plan, (worker) => {
    const { control, number } = worker;
    const step = objectStep(plan.workload, worker);
    while (worker.runs) {
      step();
      worker.count('operations');
      control.beat(number);
    }
    if (control.stopState() === STOP_AND_FREE) worker.freeAll();
    control.setEnded(number);
  });
}

/** Makes the caches or pools that the tasks share. */
export function setUp(k: Kernel, plan: ObjectTaskPlan): void {
  makeShared(k, new ObjectControl(plan.buffer), plan.workload);
}

/** What {@link settle} has found. */
export interface Settled {
  readonly lost: number;
  readonly problems: readonly string[];
}

/** Frees what is left of all tasks, and ends what they shared. After {@link objectTask} has ended in all. */
export function settle(k: Kernel, plan: ObjectTaskPlan): Settled {
  let lost = 0;
  let problems: string[] = [];
  asTask(k, plan, (worker) => {
    for (let task = 0; task < worker.control.tasks; task++) lost += worker.settle(task);
    problems = endShared(k, worker.control, plan.workload, lost);
  });
  return { lost, problems };
}

/** Frees all empty slabs, those too that become empty by that, and brings all free pages back to the buddy system. */
export function shrinkAll(k: Kernel): void {
  for (let round = 0; round < 2; round++) {
    for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) k.kmem_cache_shrink(cache);
  }
  k.drain_all_pages();
}

/** Does something as the task of a plan. */
function asTask(k: Kernel, plan: ObjectTaskPlan, action: (worker: ObjectWorker) => void): void {
  const control = new ObjectControl(plan.buffer);
  guarded(control, () => {
    action(new ObjectWorker(k, control, plan, kindsOf(k, control, plan.workload)));
  });
}

import type { Kernel } from '../../src/kernel/kernel.js';
import { int } from '../../src/kernel/mm/percpu-types.js';

/** What tests do to a stress run behind its back. */

/** Takes from the copy of this CPU what tasks have counted there. */
export function loseIncrements(k: Kernel, world: string): void {
  const counter = k.DEFINE_PER_CPU(int, 'stress_count', world);
  k.i32[k.get_cpu_var(counter)] -= 1_000_000;
  k.put_cpu_var(counter);
}

import type { Cpu } from './cpu.js';
import { CPU_AREA } from './cpu-area.js';
import { NODEMASK_WORDS } from './limits.js';

/**
 * Makes the task of a CPU a fresh one: no flags, the default memory policy, memory of all nodes allowed.
 *
 * @param area word index of the CPU's area
 */
export function resetTask(k: Cpu, area: number): void {
  const { i32 } = k;
  const { task_flags, mempolicy, mems_allowed, mems_exclusive } = CPU_AREA.at;
  i32[area + task_flags] = 0;
  i32[area + mempolicy] = 0;
  for (const mask of [mems_allowed, mems_exclusive]) i32.fill(-1, area + mask, area + mask + NODEMASK_WORDS);
}

import type { Machine } from '../machine/machine.js';
import { cpusByTurns } from './bench-plan.js';
import type { Contender } from './kmalloc-bench-contender.js';
import { KMALLOC_BENCH_MODULE, type KmallocCpuTask, sampleOnCpu } from './kmalloc-bench-cpu.js';
import { newKmallocTask, type ThreadSample } from './kmalloc-bench-task.js';

/** The name of the kernel's row. */
export const KERNEL_NAME = 'gfp';

/** `kmalloc` and `kfree` of a machine. Its CPUs are taken from all nodes in turn. */
export function kernelContender(machine: Machine): Contender {
  const cpus = cpusByTurns(machine);
  return {
    name: KERNEL_NAME,
    kind: 'kernel',
    version: '',
    maxThreads: cpus.length,
    open: (workload, threads, sampleMs) => {
      const task: KmallocCpuTask = {
        ...newKmallocTask(workload, threads, sampleMs),
        cpus: cpus.slice(0, threads),
      };
      return {
        sample: async () =>
          (await machine.runAll(KMALLOC_BENCH_MODULE, sampleOnCpu.name, task, [
            ...task.cpus,
          ])) as ThreadSample[],
        close: async () => {},
      };
    },
  };
}

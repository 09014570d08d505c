import type { Hardware } from '../../arch/hardware.js';
import type { MemoryImage } from '../../image/memory-image.js';
import type * as boot from '../../kernel/boot.js';
import type * as cpuMask from '../../kernel/core/cpu-mask.js';
import { CPU_ONLINE } from '../../kernel/core/cpu-area.js';
import type * as kernelModule from '../../kernel/kernel.js';
import type * as kthread from '../../kernel/sched/kthread.js';
import type * as ownTask from '../../kernel/sched/own-task.js';
import { loadInstrumented } from '../transform/load.js';
import type { MachineMemory, SourcePatch } from '../scenario.js';
import type { KernelModules } from './kernel-twins.js';
import type * as simulatedPlatform from './simulated/platform.js';
import type * as simulatedThreads from './simulated/threads.js';

/** An instrumented kernel. */
export interface SimulatedKernel {
  readonly boot: typeof boot;
  readonly cpuMask: typeof cpuMask;
  readonly kernel: typeof kernelModule;
  readonly ownTask: typeof ownTask;
  readonly kthread: typeof kthread;
  readonly platform: typeof simulatedPlatform;
  readonly threads: typeof simulatedThreads;
  readonly modules: KernelModules;
}

/** Loads the kernel in the form that the explorer can pause, with changes for a mutant. */
export async function loadKernel(patches: readonly SourcePatch[]): Promise<SimulatedKernel> {
  const load = async <Module>(path: string): Promise<Module> =>
    (await loadInstrumented(new URL(path, import.meta.url), patches)) as Module;
  return {
    boot: await load('../../kernel/boot.js'),
    cpuMask: await load('../../kernel/core/cpu-mask.js'),
    kernel: await load('../../kernel/kernel.js'),
    kthread: await load('../../kernel/sched/kthread.js'),
    ownTask: await load('../../kernel/sched/own-task.js'),
    platform: await load('./simulated/platform.js'),
    threads: await load('./simulated/threads.js'),
    modules: {
      rawLock: await load('../../kernel/core/raw-lock.js'),
      rwlockWait: await load('../../kernel/sync/rwlock-wait.js'),
      pageAlloc: await load('../../kernel/mm/page-alloc.js'),
      hotPages: await load('../../kernel/mm/hot-pages.js'),
      simulatedLocks: await load('./simulated/locks.js'),
    },
  };
}

/**
 * Boots a kernel on this thread, all CPUs online.
 *
 * @param tasks how many tasks with threads of their own there are
 * @returns the kernel as each CPU sees it, as the console does, and as each task does; each with a platform of its own, for
 *   it is a thread of its own
 */
export function bootCpus(
  { boot, cpuMask, kernel, ownTask, platform }: SimulatedKernel,
  image: MemoryImage,
  hardware: Hardware,
  host: simulatedPlatform.PlatformHost,
  tasks: number,
): MachineMemory[] {
  const platformOf = (cpu: number): simulatedPlatform.SimulatedPlatform =>
    new platform.SimulatedPlatform(image.i32, cpu + 1, host);
  const k = boot.start_kernel(image, platformOf(0));
  for (let cpu = 1; cpu < hardware.cpuNodes.length; cpu++) {
    ownTask.attachOwnThread(k, cpu, cpu + 1);
    cpuMask.setCpuState(k, cpu, CPU_ONLINE);
  }
  boot.smp_boot_done(k);
  const seen = [k as MachineMemory];
  const cpus = hardware.cpuNodes.length;
  for (let cpu = 1; cpu <= cpus; cpu++) {
    seen.push(new kernel.Kernel(image, cpu, platformOf(cpu)) as MachineMemory);
  }
  // Until a CPU is given to a task, it is none.
  for (let task = 0; task < tasks; task++) {
    seen.push(new kernel.Kernel(image, cpus, platformOf(cpus + 1 + task)) as MachineMemory);
  }
  // Constructors cannot be paused. What they read is constant from now on.
  for (const k of seen) {
    for (let cpu = 0; cpu <= cpus; cpu++) k.as(cpu);
  }
  return seen;
}

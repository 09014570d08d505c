import { CPU_AREA, IRQ_TIMER } from '../../../kernel/core/cpu-area.js';
import { KERNEL_IRQ } from '../../../kernel/core/interrupt-data.js';
import { KERNEL } from '../../../kernel/core/kernel-data.js';
import { RUNNING_SERVE, TASK } from '../../../kernel/core/task-struct.js';
import { cpuTask } from '../../../kernel/core/tasks.js';
import { needsThread, ringClock } from '../../../kernel/cpu/clock-bell.js';
import { raiseInterrupt } from '../../../kernel/cpu/raise-interrupt.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { scratchLine } from './scratch.js';

/** The clock of the host, as far as scenarios need it whose tasks sleep for a limited time: on CPU 1. */

const BELL = KERNEL.irq + KERNEL_IRQ.at.clock_bell;
/** 1 when CPU 1 has ended. */
const ENDED = scratchLine(31);
const CPU = 1;
const JIFFY_MS = 10;

/** Ticks, and lets CPU 1 serve what came in while it is idle, until that one says that it has ended. On the console. */
export function tickForCpu1(k: Kernel): void {
  const { i32 } = k;
  const area = i32[KERNEL.cpu_area + CPU];
  const running = cpuTask(k, CPU) + TASK.at.running;
  while (Atomics.load(i32, ENDED) === 0) {
    const bell = Atomics.load(i32, BELL);
    const isIdle = Atomics.load(i32, area + CPU_AREA.at.owner) === 0;
    if (isIdle && needsThread(k, area) && Atomics.compareExchange(i32, running, 0, RUNNING_SERVE) === 0)
      k.platform.notify(running, 1);
    k.platform.wait(BELL, bell, JIFFY_MS);
    raiseInterrupt(k, CPU, IRQ_TIMER);
  }
}

/** CPU 1 has ended. */
export function endClock(k: Kernel): void {
  Atomics.store(k.i32, ENDED, 1);
  ringClock(k);
}

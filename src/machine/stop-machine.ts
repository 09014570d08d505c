import { setTimeout as sleep } from 'node:timers/promises';
import { CPU_DEAD } from '../kernel/core/cpu-area.js';
import { cpuState } from '../kernel/core/cpu-mask.js';
import { checkRunning } from '../kernel/core/system-state.js';
import { serveCalls } from '../kernel/cpu/interrupt.js';
import { claimCpu, ownsCpu, takeClaimedCpu, unclaimCpu } from '../kernel/cpu/ownership.js';
import type { Kernel } from '../kernel/kernel.js';
import { WaitGivenUp } from '../kernel/core/errors.js';
import { makeContextIdle } from '../kernel/hotplug.js';
import { MachineStateError } from './machine-errors.js';

/** How long a CPU may take to come to a point where it can be stopped. */
const STOP_LIMIT_MS = 10_000;

/**
 * Takes CPUs from their threads, does something while nothing runs on them, and gives them back. A thread that is in
 * the middle of a function goes on afterwards where it was.
 *
 * @param k the console
 * @param cpus the CPUs to stop; dead ones are passed over
 * @throws MachineStateError when a CPU does not come to a poll in time: nothing was done then
 */
export async function withCpusStopped<Value>(
  k: Kernel,
  cpus: readonly number[],
  action: () => Value,
): Promise<Value> {
  const claimed = cpus.filter((cpu) => cpuState(k, cpu) !== CPU_DEAD);
  for (const cpu of claimed) claimCpu(k, cpu);
  try {
    await takeAll(k, claimed);
    return action();
  } catch (error) {
    // The action gave up in the middle, as CPUs that are still ours; their threads must find them as they left them.
    if (error instanceof WaitGivenUp) for (const cpu of claimed) makeContextIdle(k.as(cpu));
    throw error;
  } finally {
    for (const cpu of claimed) unclaimCpu(k, cpu);
  }
}

async function takeAll(k: Kernel, cpus: readonly number[]): Promise<void> {
  const limit = k.platform.now() + STOP_LIMIT_MS;
  let missing = cpus.filter((cpu) => !takeClaimedCpu(k, cpu));
  while (missing.length > 0) {
    // The host must stay responsive: it may have to learn meanwhile that one of the threads is dead.
    await sleep(1);
    checkRunning(k);
    for (const cpu of cpus) if (!missing.includes(cpu)) serveAs(k, cpu);
    missing = missing.filter((cpu) => cpuState(k, cpu) !== CPU_DEAD && !takeClaimedCpu(k, cpu));
    if (missing.length > 0 && k.platform.now() > limit) {
      throw new MachineStateError(
        `CPU ${missing.join(', ')} did not stop within ${STOP_LIMIT_MS} ms: the function that runs there must call ` +
          'the kernel, or k.poll(), from time to time',
      );
    }
  }
}

/** A CPU that cannot stop yet may be calling one that has: then the console answers as that. */
function serveAs(k: Kernel, cpu: number): void {
  const owned = k.as(cpu);
  if (ownsCpu(owned)) serveCalls(owned);
}

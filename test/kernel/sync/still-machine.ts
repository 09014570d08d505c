import { DEBUG_LOCKS } from '../../../src/kernel/core/kernel-data.js';
import { createLockImage, firstFreeWord, LockCpu, useDepot } from '../../support/lock-cpu.js';
import { StillPlatform } from '../../support/still-platform.js';

export interface StillMachine {
  readonly cpus: readonly [LockCpu, LockCpu, LockCpu];
  readonly platform: StillPlatform;
  /** Word index of free memory. */
  readonly free: number;
}

/** Three CPUs in one thread. */
export function stillMachine(options: { debug?: boolean } = {}): StillMachine {
  const image = createLockImage(3);
  const platform = new StillPlatform(image.i32);
  const debug = options.debug === true ? DEBUG_LOCKS : 0;
  const cpus = [0, 1, 2].map((cpu) => new LockCpu(image, platform, cpu, debug));
  if (debug !== 0) useDepot(cpus[0]);
  return { cpus: [cpus[0], cpus[1], cpus[2]], platform, free: firstFreeWord(3) };
}

import type { OfflineFault } from './stress-fault.js';
import { StressRandom } from './stress-random.js';

/** A CPU is unplugged so often. Seconds. */
const EVERY_S = 1;

/** A number for the random numbers of this, apart from those of tasks. */
const STREAM = -2;

/** The CPUs that are unplugged during a run, one after another, each for less than the time until the next one. */
export function unpluggedCpus(cpus: number, seconds: number, seed: number): OfflineFault[] {
  const faults: OfflineFault[] = [];
  if (cpus === 1) return faults;
  const random = new StressRandom(seed, STREAM);
  for (let at = EVERY_S / 2; at < seconds; at += EVERY_S) {
    const back = (EVERY_S * (1 + random.below(7))) / 10;
    faults.push({ kind: 'offline', cpu: random.below(cpus), at, back });
  }
  return faults;
}

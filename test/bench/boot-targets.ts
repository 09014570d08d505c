import { Machine } from '../../src/machine/machine.js';
import type { MachineConfig } from '../../src/machine/config-types.js';
import { median, type Target } from './target.js';

const BOOTS = 5;

const EIGHT_CPUS: MachineConfig = {
  nodes: [
    { memory: '256M', cpus: 4 },
    { memory: '256M', cpus: 4 },
  ],
};

const FOUR_GIB: MachineConfig = {
  nodes: [
    { memory: '2G', cpus: 2 },
    { memory: '2G', cpus: 2 },
  ],
};

/** How long machines take to boot. */
export async function bootTargets(): Promise<Target[]> {
  return [await bootTarget('8 CPUs, 512 MiB', EIGHT_CPUS, 1), await bootTarget('4 CPUs, 4 GiB', FOUR_GIB, 2)];
}

async function bootTarget(what: string, config: MachineConfig, limit: number): Promise<Target> {
  const times: number[] = [];
  for (let i = 0; i < BOOTS; i++) {
    const start = performance.now();
    const machine = await Machine.boot(config);
    times.push((performance.now() - start) / 1000);
    await machine.halt();
  }
  const seconds = median(times);
  const range = `${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)} s in ${BOOTS} boots`;
  return {
    name: `boot of ${what}`,
    measured: `${seconds.toFixed(2)} s`,
    limit: `under ${limit} s`,
    met: seconds < limit,
    note: range,
  };
}

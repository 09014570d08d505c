import type { MachineConfig } from './config-types.js';

/** A machine that is ready to use. */
export interface Preset {
  /** One line for a list of presets. */
  readonly summary: string;
  readonly config: MachineConfig;
}

/**
 * The smallest machine with every zone of x86, 4 MiB each: DMA, Normal, HighMem, Movable. Memory runs out quickly here,
 * and all fallbacks between zones can be seen.
 */
const tiny: Preset = {
  summary: 'x86, 16 MiB on 1 node, 2 CPUs: DMA, Normal, HighMem and Movable of 4 MiB each',
  config: {
    arch: 'x86',
    nodes: [{ memory: '16M', cpus: 2 }],
    zoneLimits: { dma: '4M', lowmem: '8M' },
    movablecore: '4M',
  },
};

/** A PC of the time of the classic documents: 896 MiB of low memory, the rest is HighMem. */
const x86_1g: Preset = {
  summary: 'x86, 1 GiB on 1 node, 2 CPUs: HighMem above 896 MiB',
  config: { arch: 'x86', nodes: [{ memory: '1G', cpus: 2 }] },
};

/** The default: two equal nodes, as in a server with two sockets. */
const x86_64_numa2: Preset = {
  summary: 'x86_64, 2 nodes of 256 MiB and 2 CPUs each (the default)',
  config: {
    arch: 'x86_64',
    nodes: [
      { memory: '256M', cpus: 2 },
      { memory: '256M', cpus: 2 },
    ],
    distances: [
      [10, 20],
      [20, 10],
    ],
  },
};

/** Four nodes in a row, where the way up is shorter than the way down: fallback orders differ on every node. */
const numa4: Preset = {
  summary: 'x86_64, 4 nodes of 128 MiB and 2 CPUs each, asymmetric distances',
  config: {
    arch: 'x86_64',
    nodes: [
      { memory: '128M', cpus: 2 },
      { memory: '128M', cpus: 2 },
      { memory: '128M', cpus: 2 },
      { memory: '128M', cpus: 2 },
    ],
    distances: [
      [10, 16, 22, 28],
      [18, 10, 16, 22],
      [24, 18, 10, 16],
      [30, 24, 18, 10],
    ],
  },
};

/** An ordinary node; one with CPUs and no memory; one with memory and no CPUs, which is the nearest to that. */
const memoryless: Preset = {
  summary: 'x86_64, 3 nodes: 256 MiB and 2 CPUs; 2 CPUs without memory; 256 MiB without CPUs',
  config: {
    arch: 'x86_64',
    nodes: [
      { memory: '256M', cpus: 2 },
      { memory: 0, cpus: 2 },
      { memory: '256M', cpus: 0 },
    ],
    distances: [
      [10, 20, 30],
      [20, 10, 15],
      [30, 15, 10],
    ],
  },
};

/** The machines that have a name. */
export const PRESETS = {
  tiny,
  'x86-1g': x86_1g,
  'x86_64-numa2': x86_64_numa2,
  numa4,
  memoryless,
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;

export const PRESET_NAMES = Object.keys(PRESETS) as readonly PresetName[];

export const DEFAULT_PRESET: PresetName = 'x86_64-numa2';

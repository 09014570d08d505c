import type { ArchName } from '../arch/address-space.js';
import type { DebugSwitches, Hardware, SlabProfile } from '../arch/hardware.js';

/** Bytes, or a text such as `'256M'`, `'640K'`, `'1G'`, `'0x100000000'`. */
export type MemorySize = number | string;

/** A stretch of physical memory; `end` is exclusive. */
export type RangeConfig =
  | { readonly start: MemorySize; readonly size: MemorySize }
  | { readonly start: MemorySize; readonly end: MemorySize };

export interface NodeConfig {
  /**
   * A size: the node's memory follows that of the nodes before it, at the next multiple of 4 MiB. Ranges: the
   * memory lies exactly there. 0 or no ranges: a node without memory.
   */
  readonly memory: MemorySize | readonly RangeConfig[];
  /** How many CPUs, numbered node by node, or which ones. 0 or none: a node without CPUs. */
  readonly cpus: number | readonly number[];
}

export interface ZoneLimitsConfig {
  /** Where ZONE_DMA ends. Default 16 MiB. */
  readonly dma?: MemorySize | undefined;
  /** Where ZONE_DMA32 ends, x86_64 only. Default 4 GiB. */
  readonly dma32?: MemorySize | undefined;
  /** Where low memory ends and ZONE_HIGHMEM begins. Default 896 MiB on x86; x86_64 has low memory only. */
  readonly lowmem?: MemorySize | undefined;
}

/** A machine as its user describes it: an object, or a JSON file with the same fields. Only `nodes` is required. */
export interface MachineConfig {
  /** Default `'x86_64'`. */
  readonly arch?: ArchName | undefined;
  /** 1 to 64 nodes with 1 to 256 CPUs and up to 4 GiB of RAM in all. */
  readonly nodes: readonly NodeConfig[];
  /** `distances[from][to]`: 10 on the diagonal, 11 to 254 elsewhere. Default 20 between any two nodes. */
  readonly distances?: readonly (readonly number[])[] | undefined;
  /** Taken out of the nodes' memory, as firmware does for its own. A PC's hole at 640 KiB is always there. */
  readonly holes?: readonly RangeConfig[] | undefined;
  /** Multiples of 4 MiB, the largest buddy block. */
  readonly zoneLimits?: ZoneLimitsConfig | undefined;
  /** How much memory becomes ZONE_MOVABLE, spread over the nodes. Default 0. */
  readonly movablecore?: MemorySize | undefined;
  readonly numaZonelistOrder?: Hardware['numaZonelistOrder'] | undefined;
  /** Clock ticks a second. Default 100. */
  readonly hz?: number | undefined;
  /** Which kmalloc: `'2.6.10'` gives up to 128 KiB, `'2.6.24'` up to 4 MiB, and ZERO_SIZE_PTR for 0 bytes. Default `'2.6.10'`. */
  readonly slabProfile?: SlabProfile | undefined;
  /** Default: only `sleep` is on. `true`: all on, `false`: all off. */
  readonly debug?:
    boolean | { readonly [Switch in keyof DebugSwitches]?: DebugSwitches[Switch] | undefined } | undefined;
  /**
   * Functions called while only boot memory exists. `module` is a URL, a package's name or an absolute path; in a
   * JSON file a path that begins with `./` or `../` is relative to the file.
   */
  readonly bootHooks?: readonly { readonly module: string; readonly name: string }[] | undefined;
}

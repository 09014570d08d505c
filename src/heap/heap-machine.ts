import { FIRMWARE_START, type Hardware, imageBytes } from '../arch/hardware.js';
import { SECTION_BYTES } from '../arch/page.js';
import { MemoryImage } from '../image/memory-image.js';
import { start_kernel } from '../kernel/boot.js';
import { describeValue } from '../kernel/core/describe-value.js';
import { KernelPanic } from '../kernel/core/errors.js';
import { NR_CPUS } from '../kernel/core/limits.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { writeFirmware } from '../kernel/firmware.js';
import type { Kernel } from '../kernel/kernel.js';
import { setup_per_zone_pages_min } from '../kernel/mm/zone-setup.js';
import { HEAP, HEAP_END, HEAP_START } from './heap-layout.js';
import { HeapPlatform } from './heap-platform.js';

/**
 * The machine that a heap is to the kernel: one node, one zone, a CPU for each thread, no clock and no tasks. Its RAM begins
 * at 0 and lies in the image as it does in the machine, so that a physical address is an offset in the buffer.
 */

/** Most threads, unless the caller says otherwise. */
const DEFAULT_THREADS = 16;
/** Least size: the allocator itself needs about half of it. */
const MIN_SIZE = SECTION_BYTES;
export const MAX_SIZE = 4 * 1024 ** 3;

/** What a heap is made of. */
export interface HeapOptions {
  /** Bytes of shared memory, 4 MiB to 4 GiB; rounded up to whole 4 MiB. What nobody uses costs no memory. */
  readonly size: number;
  /** Most threads that use the heap at a time, the creating one included. Default 16, at most 256. */
  readonly threads?: number;
  /** Watch for misuse: see {@link SharedHeap.check}. Slower, and every allocation takes at least 40 bytes more. Default off. */
  readonly debug?: boolean;
}

/**
 * A new heap's memory.
 *
 * @throws RangeError for an option that cannot be, or when the threads do not fit into the size
 */
export function makeHeapImage(options: HeapOptions): MemoryImage {
  checkOptions(options);
  const { size, threads = DEFAULT_THREADS, debug = false } = options;
  const hardware = heapHardware(Math.ceil(size / SECTION_BYTES) * SECTION_BYTES, threads);
  const image = MemoryImage.create(imageBytes(hardware));
  writeFirmware(image, hardware);
  image.i32[HEAP.threads] = threads;
  image.i32[HEAP.debug] = debug ? 1 : 0;
  boot(image, size, threads);
  return image;
}

/** What each option must be; the first is required. */
const OPTIONS: Readonly<Record<string, string>> = {
  size: `bytes, an integer from ${MIN_SIZE} (4 MiB) to ${MAX_SIZE} (4 GiB)`,
  threads: `an integer from 1 to ${NR_CPUS}`,
  debug: 'true or false',
};

function checkOptions(options: HeapOptions): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) {
    const instead = given === undefined ? 'nothing' : describeValue(given);
    throw new RangeError(
      `SharedHeap.create() takes an object with \`size\`, ${OPTIONS.size}; not ${instead}`,
    );
  }
  const wrong = (field: string, value: unknown): never => {
    throw new RangeError(`heap ${field} ${describeValue(value)}: must be ${OPTIONS[field]}`);
  };
  const { size, threads = DEFAULT_THREADS, debug = false, ...others } = options;
  if (!isIntegerIn(size, MIN_SIZE, MAX_SIZE)) wrong('size', size);
  if (!isIntegerIn(threads, 1, NR_CPUS)) wrong('threads', threads);
  if (typeof debug !== 'boolean') wrong('debug', debug);
  for (const field of Object.keys(others))
    throw new RangeError(
      `heap ${field}: there is no such option; there are ${Object.keys(OPTIONS).join(', ')}`,
    );
}

function isIntegerIn(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function boot(image: MemoryImage, size: number, threads: number): void {
  let k: Kernel;
  try {
    k = start_kernel(image, new HeapPlatform());
  } catch (error) {
    if (!(error instanceof KernelPanic)) throw error;
    throw new RangeError(`a heap of ${size} bytes is too small for ${threads} threads`, { cause: error });
  }
  // Nobody here frees memory for others: no reserve.
  k.i32[KERNEL.min_free_kbytes] = 0;
  setup_per_zone_pages_min(k);
}

function heapHardware(size: number, threads: number): Hardware {
  if (HEAP_END > FIRMWARE_START) throw new Error('the tables of a heap do not fit');
  return {
    arch: 'x86',
    memory: [
      { start: 0, end: HEAP_START, node: 0 },
      { start: 0x100000, end: size, node: 0 },
    ],
    cpuNodes: new Array<number>(threads).fill(0),
    nodes: 1,
    distances: [[10]],
    // One zone: no memory is special.
    zoneLimits: { dma: 0, dma32: 0, lowmem: size },
    movablecore: 0,
    numaZonelistOrder: 'default',
    hz: 100,
    slabProfile: '2.6.24',
    debug: { locks: false, sleep: false, pageOwner: false, vm: false, lockHoldLimitMs: 60_000 },
    bootHooks: [],
  };
}

import { imageBytes, type Hardware } from '../../src/arch/hardware.js';
import { MemoryImage } from '../../src/image/memory-image.js';
import { setCpuState } from '../../src/kernel/core/cpu-mask.js';
import { CPU_ONLINE } from '../../src/kernel/core/cpu-area.js';
import type { ModuleFunction, Platform } from '../../src/kernel/core/platform.js';
import { smp_boot_done, startPageAllocator } from '../../src/kernel/boot.js';
import { writeFirmware } from '../../src/kernel/firmware.js';
import type { Kernel } from '../../src/kernel/kernel.js';

const MIB = 1024 ** 2;

/** A platform for one thread that plays all CPUs: whatever would block is a mistake of the test. */
export class LonePlatform implements Platform {
  readonly thread = 1;
  /** Everything that was reported. */
  readonly reports: string[] = [];
  /** What `load` knows, by `name@url`. */
  readonly modules = new Map<string, ModuleFunction>();
  /** Milliseconds; tests move it by hand. */
  time = 0;
  private readonly i32: Int32Array;

  constructor(i32: Int32Array) {
    this.i32 = i32;
  }

  wait(word: number, value: number, milliseconds: number): void {
    if (Atomics.load(this.i32, word) === value) this.time += milliseconds;
    if (this.time > 1e6) throw new Error(`the test would wait for ever on word ${word}`);
  }

  notify(): void {
    // Nobody else is there to be woken.
  }

  mayWait(): boolean {
    return true;
  }

  relax(): void {
    // The word cannot change meanwhile.
  }

  now(): number {
    return this.time;
  }

  poll(word: number): number {
    return this.i32[word];
  }

  startThread(): void {
    throw new Error('there are no further threads');
  }

  report(text: string): void {
    this.reports.push(text);
  }

  load(url: string, name: string): ModuleFunction {
    const found = this.modules.get(`${name}@${url}`);
    if (found === undefined) throw new Error(`the test has no module ${name}@${url}`);
    return found;
  }
}

/** A booted machine without threads: `cpus[n]` is the kernel as CPU n sees it. */
export interface LoneMachine {
  readonly k: Kernel;
  readonly cpus: readonly Kernel[];
  readonly platform: LonePlatform;
  readonly image: MemoryImage;
  readonly hardware: Hardware;
}

/** Two nodes of x86_64 with `mib` MiB each and two CPUs each; fields can be replaced. */
export function twoNodes(mib = 32, changes: Partial<Hardware> = {}): Hardware {
  return {
    arch: 'x86_64',
    memory: [
      { start: 0, end: 0xa0000, node: 0 },
      { start: MIB, end: mib * MIB, node: 0 },
      { start: mib * MIB, end: 2 * mib * MIB, node: 1 },
    ],
    cpuNodes: [0, 0, 1, 1],
    nodes: 2,
    distances: [
      [10, 20],
      [20, 10],
    ],
    zoneLimits: { dma: 16 * MIB, dma32: 4096 * MIB, lowmem: 65536 * MIB },
    movablecore: 0,
    numaZonelistOrder: 'default',
    hz: 100,
    slabProfile: '2.6.10',
    debug: { locks: false, sleep: true, pageOwner: false, vm: true, lockHoldLimitMs: 1000 },
    bootHooks: [],
    ...changes,
  };
}

/**
 * Boots a machine on this thread, with all CPUs online and idle.
 *
 * @param image all zero
 * @param startKernel how far: by default without the slab allocator, so that a test knows every page
 */
export function bootInProcess(
  hardware: Hardware = twoNodes(),
  image = MemoryImage.create(imageBytes(hardware)),
  startKernel = startPageAllocator,
): LoneMachine {
  writeFirmware(image, hardware);
  const platform = new LonePlatform(image.i32);
  const k = startKernel(image, platform);
  for (let cpu = 1; cpu < hardware.cpuNodes.length; cpu++) setCpuState(k, cpu, CPU_ONLINE);
  smp_boot_done(k);
  const cpus = hardware.cpuNodes.map((_, cpu) => k.as(cpu));
  return { k, cpus, platform, image, hardware };
}

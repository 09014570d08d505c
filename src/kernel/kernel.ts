import { addressSpace, type AddressSpace } from '../arch/address-space.js';
import type { MemoryImage } from '../image/memory-image.js';
import { BUG } from './core/bug.js';
import type { ModuleFunction, Platform } from './core/platform.js';
import {
  FIRST_MODULE_SYMBOL,
  SYM_CACHE_REAP,
  SYM_DO_CCUPDATE_LOCAL,
  SYM_DO_DRAIN,
  SYM_DRAIN_LOCAL_PAGES,
  SYM_PROCESS_TIMEOUT,
  SYM_REFRESH_CPU_VM_STATS,
} from './core/symbols.js';
import { moduleSymbolText } from './cpu/module-symbols.js';
import { MempoolFace } from './face/mempool-face.js';
import { readFirmware } from './firmware.js';
import { readFile } from './fs/read-file.js';
import { drain_local_pages } from './mm/page-sets.js';
import { refresh_cpu_vm_stats } from './mm/vmstat-refresh.js';
import { process_timeout } from './sched/timeout.js';
import { do_drain } from './slab/drain.js';
import { callPoolFunction, isPoolFunction } from './slab/mempool-kinds.js';
import { makeShortWays, type ShortWays } from './slab/short-ways.js';
import { cache_reap } from './slab/reap.js';
import { do_ccupdate_local } from './slab/tune.js';

/**
 * The kernel as one CPU sees it: the Linux API under Linux's names, bound to that CPU. What a method does, whether it
 * may sleep and how it fails is documented at the function that it calls. The parts of the API are in `face/`, each
 * class adding one.
 *
 * One instance per thread and CPU. It holds only views and constants; all state is in the image.
 */
export class Kernel extends MempoolFace {
  /** The kernel as it is seen from CPUs whose place this thread takes for a moment; all of them share this array. */
  private others: Kernel[] = [];
  /** Functions of modules that this thread has loaded: what a number stands for never changes. */
  private functions: ModuleFunction[] = [];
  protected short: ShortWays;

  /**
   * @param image a machine's memory
   * @param cpu number of the CPU; the number of CPUs stands for the console, which is no CPU but may take locks
   * @param platform the calling thread's
   * @param space the architecture's address space; by default read from the firmware tables
   */
  constructor(
    image: MemoryImage,
    cpu: number,
    platform: Platform,
    space: AddressSpace = addressSpace(readFirmware(image).arch),
  ) {
    super(image, cpu, platform, space);
    this.short = makeShortWays(image.i32, space.PAGE_OFFSET);
  }

  as(cpu: number): Kernel {
    if (cpu === this.cpu) return this;
    return (this.others[cpu] ??= this.sibling(cpu));
  }

  private sibling(cpu: number): Kernel {
    const sibling = new Kernel(this.image, cpu, this.platform, this.space);
    sibling.others = this.others;
    sibling.functions = this.functions;
    sibling.short = this.short;
    return sibling;
  }

  call(symbol: number, info: number, second?: number, third?: number): number {
    if (symbol >= FIRST_MODULE_SYMBOL) {
      const called = (this.functions[symbol - FIRST_MODULE_SYMBOL] ??= this.load(symbol));
      const result = called(this, info, second, third);
      return typeof result === 'number' ? result : 0;
    }
    if (isPoolFunction(symbol)) return callPoolFunction(this, symbol, info, second ?? 0);
    if (symbol === SYM_DRAIN_LOCAL_PAGES) {
      drain_local_pages(this);
    } else if (symbol === SYM_REFRESH_CPU_VM_STATS) {
      refresh_cpu_vm_stats(this);
    } else if (symbol === SYM_PROCESS_TIMEOUT) {
      process_timeout(this, info);
    } else if (symbol === SYM_CACHE_REAP) {
      cache_reap(this);
    } else if (symbol === SYM_DO_DRAIN) {
      do_drain(this, info);
    } else if (symbol === SYM_DO_CCUPDATE_LOCAL) {
      do_ccupdate_local(this, info);
    } else {
      BUG(this, `no function has symbol ${symbol}`);
    }
    return 0;
  }

  /** Loads the module's function that a number stands for, before it is called. */
  preload(symbol: number): void {
    this.functions[symbol - FIRST_MODULE_SYMBOL] ??= this.load(symbol);
  }

  private load(symbol: number): ModuleFunction {
    const { name, url } = moduleSymbolText(this, symbol);
    return this.platform.load(url, name);
  }

  // Files

  /** The text of a file of /proc or /sys. */
  cat(path: string): string {
    return readFile(this, path);
  }
}

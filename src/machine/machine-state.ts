import type { MemoryImage } from '../image/memory-image.js';
import { KERNEL, SYSTEM_PANIC } from '../kernel/core/kernel-data.js';
import { readLog } from '../kernel/core/printk.js';
import { Kernel } from '../kernel/kernel.js';
import { MachinePanicError, MachineStateError } from './machine-errors.js';
import { type ThreadHost, ThreadsPlatform } from './threads-platform.js';

/** The console's number in the owner words; other threads follow. */
export const CONSOLE_THREAD = 1;

/** How long the console waits for a lock before it looks whether the thread that holds it is dead. Milliseconds. */
const CONSOLE_PATIENCE_MS = 200;

/** What all parts of a machine's host have in common: its memory, the console, and whether the machine runs. */
export class MachineState {
  readonly image: MemoryImage;
  /** Number of CPUs, online or not. */
  readonly cpus: number;
  /** When the machine was made: all its threads count their time from there. */
  readonly epoch = process.hrtime.bigint();
  /** Whether the machine is being ended, or has been. */
  halted = false;
  readonly #platform: ThreadsPlatform;
  #console: Kernel;
  #lastThread = CONSOLE_THREAD;

  /** @param host what the console needs of the machine */
  constructor(image: MemoryImage, cpus: number, host: Omit<ThreadHost, 'loading'>) {
    this.image = image;
    this.cpus = cpus;
    // Nobody ends this thread.
    const threadHost: ThreadHost = { ...host, loading: (load) => load() };
    this.#platform = new ThreadsPlatform(
      image.i32,
      CONSOLE_THREAD,
      this.epoch,
      threadHost,
      CONSOLE_PATIENCE_MS,
    );
    this.#console = this.#makeConsole();
  }

  /** The kernel as the console sees it; before boot nobody uses it. */
  get console(): Kernel {
    return this.#console;
  }

  /** Lets the console see the booted kernel: of what never changes after boot a kernel has copies, before it is 0. */
  kernelHasBooted(): void {
    this.#console = this.#makeConsole();
  }

  #makeConsole(): Kernel {
    return new Kernel(this.image, this.cpus, this.#platform);
  }

  /** A number for a new thread, unique in the machine. */
  nextThread(): number {
    return ++this.#lastThread;
  }

  /** Whether the kernel has panicked. */
  get panicked(): boolean {
    return Atomics.load(this.image.i32, KERNEL.system_state) === SYSTEM_PANIC;
  }

  /** @throws MachinePanicError or MachineStateError when the machine has stopped */
  mustRun(): void {
    if (this.panicked) throw new MachinePanicError(readLog(this.console));
    if (this.halted) throw new MachineStateError('the machine was halted');
  }
}

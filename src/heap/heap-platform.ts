import type { ModuleFunction, Platform } from '../kernel/core/platform.js';

/**
 * The world around the allocator of a heap. It holds the heap's own lock around all that is not a CPU's alone, so inside
 * nobody ever waits, and nothing interrupts.
 */
export class HeapPlatform implements Platform {
  readonly thread = 1;
  /** The last report of the kernel. */
  lastReport = '';

  wait(): void {
    throw new Error('a lock inside the heap is taken: its memory is damaged');
  }

  notify(): void {}

  mayWait(): boolean {
    return false;
  }

  relax(): void {}

  now(): number {
    return performance.now();
  }

  poll(): number {
    return 0;
  }

  startThread(): void {
    throw new Error('a heap has no tasks');
  }

  report(text: string): void {
    this.lastReport = text;
  }

  load(url: string, name: string): ModuleFunction {
    throw new Error(`a heap has no modules: ${name}@${url}`);
  }
}

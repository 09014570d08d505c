import { setTimeout as pause } from 'node:timers/promises';

/** Below the limit of a test (vitest.config.ts), so that the message tells what did not come. */
const LIMIT_MS = 80_000;

/** Waits until other threads have got so far; on an overloaded computer a thread alone can take seconds to start. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await pause(1);
  }
}

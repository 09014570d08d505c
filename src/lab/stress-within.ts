import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from '../machine/machine.js';

/** How long the work at the beginning and at the end of a run may take. Milliseconds. */
const END_LIMIT_MS = 60_000;

/**
 * Waits for something, but not for ever.
 *
 * @param message what is said when it takes longer than {@link END_LIMIT_MS}
 */
export async function within<Value>(promise: Promise<Value>, message: string): Promise<Value> {
  const over = new AbortController();
  const late = sleep(END_LIMIT_MS, undefined, { signal: over.signal }).then(() => {
    throw new Error(`${message} within ${END_LIMIT_MS / 1000} s`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
    late.catch(() => undefined);
  }
}

/** Runs a function of a module on some CPU, but not for ever. */
export async function onSomeCpu(
  machine: Machine,
  module: string,
  name: string,
  args?: unknown,
): Promise<unknown> {
  const [cpu = 0] = machine.onlineCpus();
  return await within(machine.cpu(cpu).run(module, name, args), `${name}() did not end`);
}

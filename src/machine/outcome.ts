import { KernelBug } from '../kernel/core/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { CpuFailure } from './machine-errors.js';

/** How a function on a CPU ended. */
export type Outcome =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: CpuFailure };

/** A function that runs on a CPU. */
export type CpuFunction = (k: Kernel, args: unknown) => unknown;

/** The exported function of a module, by import: a thread may be ended in the middle of that (see `load-gate.ts`). */
export async function loadFunction(url: string, name: string): Promise<CpuFunction> {
  const module = (await import(url)) as Record<string, unknown>;
  const found = module[name];
  if (typeof found !== 'function') {
    const exported = Object.keys(module).join(', ');
    throw new Error(
      `module ${url} exports no function '${name}'; it exports: ${exported === '' ? 'nothing' : exported}`,
    );
  }
  return found as CpuFunction;
}

/**
 * Calls a function on the CPU that the calling thread is.
 *
 * @throws whatever it throws; TypeError when it is not synchronous
 */
export function callOnCpu(k: Kernel, call: CpuFunction, name: string, args: unknown): unknown {
  const value = call(k, args);
  if (value instanceof Promise) {
    // Nobody waits for it: that it fails must not end the thread.
    value.catch(() => undefined);
    throw new TypeError(`${name}() returned a promise: code on a CPU is synchronous`);
  }
  return value;
}

/** The outcome of an action that gives nothing back. */
export function attempt(action: () => void): Outcome {
  try {
    action();
    return { ok: true, value: undefined };
  } catch (error) {
    return failed(error);
  }
}

/** The outcome of what threw `error`. */
export function failed(error: unknown): Outcome {
  if (!(error instanceof Error)) {
    return { ok: false, error: { name: 'Error', message: `threw ${String(error)}`, stack: '' } };
  }
  const { name, message, stack = '' } = error;
  const report = error instanceof KernelBug ? { report: error.report } : {};
  return { ok: false, error: { name, message, stack, ...report } };
}

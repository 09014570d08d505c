import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { ModuleFunction, Platform } from '../kernel/core/platform.js';

/** A hint to the processor inside a spin loop; newer engines have it. */
const pause = (Atomics as { pause?: () => void }).pause;

const loadModule = createRequire(import.meta.url);

/** What the kernel on a thread needs of the machine that it is part of. */
export interface ThreadHost {
  /** Gets every report of the kernel on this thread. */
  report(text: string): void;
  /** Starts a thread for a task. */
  startThread(task: number): void;
  /** Loads a module on this thread, which must not be ended meanwhile. */
  loading<Value>(load: () => Value): Value;
}

/** The world outside the kernel when every CPU is a thread: futexes, the host's clock, modules loaded on the spot. */
export class ThreadsPlatform implements Platform {
  readonly thread: number;
  readonly #i32: Int32Array;
  readonly #epoch: bigint;
  readonly #host: ThreadHost;
  readonly #patience: number;
  readonly #functions = new Map<string, ModuleFunction>();

  /**
   * @param i32 the machine's memory
   * @param thread number of this thread, from 1, unique in the machine
   * @param epoch `process.hrtime.bigint()` of the machine's boot: all threads count their time from there
   * @param host what this thread's kernel needs of the machine
   * @param patience milliseconds after which this thread gives up waiting for a lock; default: never
   */
  constructor(i32: Int32Array, thread: number, epoch: bigint, host: ThreadHost, patience = Infinity) {
    this.#patience = patience;
    this.thread = thread;
    this.#i32 = i32;
    this.#epoch = epoch;
    this.#host = host;
  }

  wait(word: number, value: number, milliseconds: number): void {
    Atomics.wait(this.#i32, word, value, milliseconds);
  }

  notify(word: number, count: number): void {
    Atomics.notify(this.#i32, word, count);
  }

  mayWait(start: number): boolean {
    return this.now() - start < this.#patience;
  }

  relax(_word: number): void {
    if (pause !== undefined) pause();
  }

  now(): number {
    return Number(process.hrtime.bigint() - this.#epoch) / 1e6;
  }

  poll(word: number, i32: Int32Array): number {
    return i32[word];
  }

  startThread(task: number): void {
    this.#host.startThread(task);
  }

  report(text: string): void {
    this.#host.report(text);
  }

  load(url: string, name: string): ModuleFunction {
    const key = `${name}@${url}`;
    const known = this.#functions.get(key);
    if (known !== undefined) return known;
    const loaded = this.#host.loading(() => loadFunction(url, name));
    this.#functions.set(key, loaded);
    return loaded;
  }
}

/** The function `name` of the module at a file URL. */
function loadFunction(url: string, name: string): ModuleFunction {
  if (!url.startsWith('file:')) {
    throw new Error(`module ${url}: must be a file: URL, such as import.meta.url of the module itself`);
  }
  let exported: unknown;
  try {
    exported = (loadModule(fileURLToPath(url)) as Record<string, unknown>)[name];
  } catch (cause) {
    throw new Error(`module ${url} could not be loaded: ${messageOf(cause)}`, { cause });
  }
  if (typeof exported !== 'function') {
    throw new Error(`module ${url} exports no function '${name}'`);
  }
  return exported as ModuleFunction;
}

/** Why a module did not load; CPUs load modules while they run, so a module cannot wait for anything itself. */
function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as NodeJS.ErrnoException;
  return code === 'ERR_REQUIRE_ASYNC_MODULE' ? 'it uses top-level await' : cause.message;
}

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Contender, Sampler } from './kmalloc-bench-contender.js';
import type { ThreadSample } from './kmalloc-bench-task.js';

const US_PER_MS = 1000;

/** Most threads of the C program. */
const MAX_THREADS = 1024;

/** Numbers that the C program prints for a thread. */
const FIELDS = 4;

/** An allocator in C. */
export interface NativeAllocator {
  readonly name: string;
  readonly version: string;
  /** The library that is preloaded; undefined: what the C library has. */
  readonly library: string | undefined;
}

/**
 * An allocator in C as one that is measured: a process for each row.
 *
 * @param file the compiled program
 */
export function nativeContender(file: string, { name, version, library }: NativeAllocator): Contender {
  return {
    name,
    kind: 'c',
    version,
    maxThreads: MAX_THREADS,
    open: async (workload, threads, sampleMs) => {
      const us = Math.max(1, Math.round(sampleMs * US_PER_MS));
      const { child } = await startNative(file, library, [workload, String(threads), String(us)]);
      return child;
    },
  };
}

/**
 * Starts the C program with an allocator, and waits until it is ready.
 *
 * @returns and what it says of its C library: `glibc 2.36`
 * @throws Error when it cannot run
 */
export async function startNative(
  file: string,
  library: string | undefined,
  args: readonly string[],
): Promise<{ child: Sampler; libc: string }> {
  const env = library === undefined ? process.env : { ...process.env, LD_PRELOAD: library };
  const child = new NativeProcess(spawn(file, args, { env, stdio: 'pipe' }));
  try {
    const ready = await child.line();
    return { child, libc: ready.replace(/^ready /, '') };
  } catch (error) {
    await child.close();
    throw error;
  }
}

/** The program while it runs. */
class NativeProcess implements Sampler {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #complaint = '';

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    this.#ended = once(child, 'close').catch((error: unknown) => {
      this.#complaint += String(error);
    });
    child.stderr.on('data', (text: Buffer) => (this.#complaint += text.toString()));
    // A process that has ended takes no more; its missing answer says so.
    child.stdin.on('error', () => {});
  }

  /** The next line that it prints. What it says on standard error is a failure: a library that cannot be preloaded. */
  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) await this.#ended;
    if (next.done === true || this.#complaint !== '') {
      throw new Error(`the C program has failed: ${this.#complaint.trim()}`);
    }
    return next.value;
  }

  async sample(): Promise<readonly ThreadSample[]> {
    this.#child.stdin.write('\n');
    const numbers = (await this.line()).split(' ').map(Number);
    return Array.from({ length: numbers.length / FIELDS }, (_, i) => {
      const [operations, start, end, cpuNs] = numbers.slice(i * FIELDS, (i + 1) * FIELDS);
      return { operations, start, end, cpuNs };
    });
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}

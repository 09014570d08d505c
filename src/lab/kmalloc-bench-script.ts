import { Worker } from 'node:worker_threads';
import type { Contender, Sampler } from './kmalloc-bench-contender.js';
import type { ScriptThread } from './kmalloc-bench-script-thread.js';
import { newKmallocTask, type ThreadSample } from './kmalloc-bench-task.js';

/** Words that the threads of an allocator in JavaScript share from the beginning. */
const SHARED_WORDS = 64;

/** An allocator in JavaScript, to be measured in threads that have nothing else to do. */
export interface ScriptAllocator {
  readonly name: string;
  readonly version: string;
  /** Most threads that may use it at once. */
  readonly maxThreads: number;
  /** URL of a module that exports `openHeap`, a `HeapOpener`. */
  readonly module: string;
  /** Memory for the threads of a row; default: a few words. */
  readonly memory?: () => SharedArrayBuffer;
}

/** An allocator in JavaScript as one that is measured. */
export function scriptContender(allocator: ScriptAllocator): Contender {
  const { name, version, maxThreads, module, memory = fewWords } = allocator;
  return {
    name,
    kind: 'javascript',
    version,
    maxThreads,
    open: (workload, threads, sampleMs) => {
      const task = newKmallocTask(workload, threads, sampleMs);
      const shared = new Int32Array(memory());
      const workers = Array.from({ length: threads }, (_, position) => {
        const workerData: ScriptThread = { module, task, position, shared };
        return new Worker(new URL('./kmalloc-bench-script-thread.js', import.meta.url), { workerData });
      });
      return samplerOf(workers);
    },
  };
}

function fewWords(): SharedArrayBuffer {
  return new SharedArrayBuffer(SHARED_WORDS * Int32Array.BYTES_PER_ELEMENT);
}

function samplerOf(workers: readonly Worker[]): Sampler {
  return {
    sample: async () => await Promise.all(workers.map(sampleOf)),
    close: async () => {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

function sampleOf(worker: Worker): Promise<ThreadSample> {
  return new Promise((resolve, reject) => {
    const onMessage = (sample: ThreadSample): void => {
      worker.off('error', reject);
      resolve(sample);
    };
    worker.once('message', onMessage);
    worker.once('error', reject);
    worker.postMessage(null);
  });
}

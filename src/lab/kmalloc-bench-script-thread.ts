import { parentPort, workerData } from 'node:worker_threads';
import { ABORTED } from './bench-barrier.js';
import type { HeapOpener } from './kmalloc-bench-heap.js';
import { sampleKmalloc } from './kmalloc-bench-sample.js';
import type { KmallocTask } from './kmalloc-bench-task.js';

/** What a thread that measures an allocator in JavaScript is told. */
export interface ScriptThread {
  /** The module that exports `openHeap`. */
  readonly module: string;
  readonly task: KmallocTask;
  readonly position: number;
  readonly shared: Int32Array;
}

/** Runs a sample for each message, and answers with it. */
if (parentPort !== null) {
  const port = parentPort;
  const { module, task, position, shared } = workerData as ScriptThread;
  const { openHeap } = (await import(module)) as { openHeap: HeapOpener };
  const open = await openHeap(task.threads, position, shared);
  port.on('message', () => {
    try {
      port.postMessage(sampleKmalloc(open, task, position));
    } catch (error) {
      Atomics.store(task.words, ABORTED, 1);
      throw error;
    }
  });
}

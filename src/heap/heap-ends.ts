import type { Worker } from 'node:worker_threads';
import type { MemoryImage } from '../image/memory-image.js';
import { noteEnd } from './heap-threads.js';

/**
 * What Node tells the thread that has started another one: that this has ended. It is needed for workers that were made with
 * `trackUnmanagedFds: false`, whose files Node leaves open; and it comes only when that thread's event loop turns.
 */

const images = new Set<MemoryImage>();

/** From now on, the ends of threads that this thread starts are noted in a heap. */
export function watchThreads(image: MemoryImage): void {
  if (images.size === 0) process.on('worker', watchThread);
  images.add(image);
}

/** Ends {@link watchThreads}. */
export function unwatchThreads(image: MemoryImage): void {
  images.delete(image);
  if (images.size === 0) process.off('worker', watchThread);
}

function watchThread(worker: Worker): void {
  const id = worker.threadId;
  worker.once('exit', () => {
    for (const image of images) noteEnd(image, id);
  });
}

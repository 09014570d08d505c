import { Piscina } from 'piscina';
import { MAX_KTHREADS } from '../kernel/core/limits.js';

/** How long a thread is kept that no task needs. Milliseconds. */
const IDLE_THREAD_MS = 5000;

/** The pool that the threads of a machine's CPUs and tasks come from. */
export function makeThreadPool(cpus: number): Piscina {
  return new Piscina({
    filename: new URL('../../workers/cpu.js', import.meta.url).href,
    // A thread starts when a CPU asks for it. Kept ready, one would also start in the place of each dead thread, and
    // Node aborts when a thread is ended that is still loading its modules.
    minThreads: 0,
    maxThreads: cpus + MAX_KTHREADS,
    // Threads of tasks that have ended serve others that begin soon after.
    idleTimeout: IDLE_THREAD_MS,
    concurrentTasksPerWorker: 1,
    // Between calls a CPU's thread must run its event loop, not wait for further tasks.
    atomics: 'disabled',
  });
}

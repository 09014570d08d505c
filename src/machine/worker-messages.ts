import { parentPort } from 'node:worker_threads';
import { type LoadGate, loadInside } from './load-gate.js';
import type { ThreadHost } from './threads-platform.js';

/** What a thread of the machine tells its host, besides the answers to calls. */
export interface WorkerMessage {
  /** A report of the kernel. */
  readonly gfpReport?: string;
  /** A task that was created and needs a thread. */
  readonly gfpStartThread?: number;
  /** The task whose thread this is, and which Node thread that is. */
  readonly gfpTaskThread?: { readonly task: number; readonly threadId: number };
}

/** Tells the host something, from a worker thread. */
export function tellHost(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

/** The machine, as the kernel on a worker thread reaches it. */
export function hostOfWorker(gate: LoadGate): ThreadHost {
  return {
    report: (text) => {
      tellHost({ gfpReport: text });
    },
    startThread: (task) => {
      tellHost({ gfpStartThread: task });
    },
    loading: (load) => loadInside(gate, load),
  };
}

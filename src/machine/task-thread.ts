import { threadId } from 'node:worker_threads';
import { MemoryImage } from '../image/memory-image.js';
import { TaskExit } from '../kernel/core/errors.js';
import { TASK_UNINTERRUPTIBLE } from '../kernel/core/task-struct.js';
import { wakeFromOutside } from '../kernel/cpu/wake.js';
import { Kernel } from '../kernel/kernel.js';
import { codeOfException, exitTask } from '../kernel/sched/exit.js';
import { becomeTask, kthread, takeUpTask } from '../kernel/sched/kthread.js';
import { put_task_struct } from '../kernel/sched/task-slots.js';
import { endLoad, type LoadGate } from './load-gate.js';
import { attempt, callOnCpu, failed, loadFunction, type Outcome } from './outcome.js';
import { ThreadsPlatform } from './threads-platform.js';
import { hostOfWorker, tellHost } from './worker-messages.js';

/** What the thread of a task is told when it starts. */
export interface TaskStart {
  readonly buffer: SharedArrayBuffer;
  readonly epoch: bigint;
  /** Number of the thread in the machine's owner words. */
  readonly thread: number;
  readonly gate: LoadGate;
  /** The task whose stack it is. */
  readonly task: number;
  /** What it runs if the host has created the task; kernel threads know it themselves. */
  readonly run?: { readonly url: string; readonly name: string; readonly args: unknown };
}

/** The life of a task, on a thread of its own. */
export async function runTaskThread({ buffer, epoch, thread, gate, task, run }: TaskStart): Promise<Outcome> {
  endLoad(gate);
  const image = new MemoryImage(buffer);
  // Which CPU it is, it learns when one is given to it.
  const k = new Kernel(image, 0, new ThreadsPlatform(image.i32, thread, epoch, hostOfWorker(gate)));
  tellHost({ gfpTaskThread: { task, threadId } });
  if (run === undefined) {
    return attempt(() => {
      kthread(k, task);
    });
  }
  return runForHost(k, task, run).catch(failed);
}

async function runForHost(k: Kernel, task: number, run: NonNullable<TaskStart['run']>): Promise<Outcome> {
  const call = await loadFunction(run.url, run.name).catch((error: unknown) => {
    // It has not begun, so nobody else will give its slot back.
    put_task_struct(k, task);
    throw error;
  });
  takeUpTask(k, task);
  wakeFromOutside(k, task, TASK_UNINTERRUPTIBLE);
  becomeTask(k, task);
  let outcome: Outcome;
  let code = 0;
  try {
    outcome = { ok: true, value: callOnCpu(k, call, run.name, run.args) };
  } catch (error) {
    code = codeOfException(k, error);
    outcome = error instanceof TaskExit ? { ok: true, value: code } : failed(error);
  }
  exitTask(k, code);
  return outcome;
}

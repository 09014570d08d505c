import { setTimeout as sleep } from 'node:timers/promises';
import type { Piscina } from 'piscina';
import { task_comm, task_pid, writeAllowed } from '../kernel/core/tasks.js';
import { TASK } from '../kernel/core/task-struct.js';
import { prepareTask } from '../kernel/sched/kthread.js';
import { closeLoadGate, type LoadGate, makeLoadGate } from './load-gate.js';
import { MachineStateError, TaskDiedError, TaskError } from './machine-errors.js';
import type { MachineState } from './machine-state.js';
import type { Outcome } from './outcome.js';
import type { TaskStart } from './task-thread.js';

/** A task that the host has started, on a thread of its own. */
export interface MachineTask {
  readonly pid: number;
  readonly name: string;
  /**
   * What its function returned. Rejected with a TaskError if that threw, a TaskDiedError when the task's thread died, a
   * MachinePanicError when the machine panicked.
   */
  readonly result: Promise<unknown>;
}

/** How a task is to run. */
export interface SpawnOptions {
  /** Its name, of which 15 characters are kept; default: the function's. */
  readonly name?: string;
  /** Numbers of the CPUs that it may run on; default: all. */
  readonly cpus?: readonly number[];
}

/** The thread of a task. */
class TaskThread {
  /** Its number in the machine. */
  readonly thread: number;
  readonly ended: Promise<unknown>;
  readonly gate: LoadGate;
  /** Its number in Node, once that is known. */
  threadId: number | undefined;

  constructor(thread: number, ended: Promise<unknown>, gate: LoadGate) {
    this.thread = thread;
    this.ended = ended;
    this.gate = gate;
  }

  /** Resolves when it may be ended: see {@link LoadGate}. */
  mayEnd(): Promise<void> {
    return closeLoadGate(this.gate, this.ended);
  }
}

/** The threads of tasks: each is a Piscina task that lasts as long as the task itself. */
export class TaskThreads {
  readonly #pool: Piscina;
  readonly #state: MachineState;
  readonly #onDeath: (task: number, thread: number, reason: string) => Promise<void>;
  /** By task. */
  readonly #threads = new Map<number, TaskThread>();

  /** @param onDeath called when a task's thread, of that number, ends that nobody has told to */
  constructor(
    state: MachineState,
    pool: Piscina,
    onDeath: (task: number, thread: number, reason: string) => Promise<void>,
  ) {
    this.#state = state;
    this.#pool = pool;
    this.#onDeath = onDeath;
  }

  /** Resolves when the threads of all tasks have ended, and what follows from that was done. */
  get ended(): Promise<unknown> {
    return Promise.allSettled([...this.#threads.values()].map((thread) => thread.ended));
  }

  /** Resolves when the threads of all tasks may be ended. */
  mayEnd(): Promise<unknown> {
    return Promise.all([...this.#threads.values()].map((thread) => thread.mayEnd()));
  }

  /** Starts a thread for a task that the kernel has created. */
  start(task: number): void {
    this.#run(task).catch(() => undefined);
  }

  /**
   * Creates a task that runs a module's function.
   *
   * @throws MachineStateError when there are too many
   */
  spawn(url: string, name: string, args: unknown, options: SpawnOptions): MachineTask {
    const k = this.#state.console;
    const task = prepareTask(k, options.name ?? name);
    if (task === 0) throw new MachineStateError('there are too many tasks');
    if (options.cpus !== undefined) {
      writeAllowed(k, task, options.cpus);
      Atomics.store(k.i32, task + TASK.at.cpu, options.cpus[0]);
    }
    const pid = task_pid(k, task);
    const comm = task_comm(k, task);
    const result = this.#run(task, { url, name, args }).then((outcome) => {
      if (!outcome.ok) throw new TaskError(pid, comm, outcome.error);
      return outcome.value;
    });
    // What it fails with is in the kernel log too; nobody has to look at it here.
    result.catch(() => undefined);
    return { pid, name: comm, result };
  }

  /** Learns which Node thread a task's is, so that {@link kill} can find it. */
  noteThread(task: number, threadId: number): void {
    const thread = this.#threads.get(task);
    if (thread !== undefined) thread.threadId = threadId;
  }

  /** `threadId` in Node of the thread with a number in the machine; undefined if it is not known. */
  nodeThread(number: number): number | undefined {
    for (const { thread, threadId } of this.#threads.values()) if (thread === number) return threadId;
    return undefined;
  }

  /** Ends a task's thread wherever it is, as a crash would. Resolves when that was dealt with. */
  async kill(task: number): Promise<void> {
    const thread = this.#threads.get(task);
    if (thread === undefined) return;
    // One that has just started tells soon which Node thread it is.
    while (thread.threadId === undefined && this.#threads.get(task) === thread) await sleep(1);
    await thread.mayEnd();
    // If the task has ended meanwhile, the Node thread may have another one already.
    if (this.#threads.get(task) !== thread) return;
    await this.#pool.threads.find((worker) => worker.threadId === thread.threadId)?.terminate();
    await thread.ended.catch(() => undefined);
  }

  #run(task: number, run?: TaskStart['run']): Promise<Outcome> {
    const { console: k, epoch } = this.#state;
    const { buffer } = this.#state.image;
    const [pid, comm] = [task_pid(k, task), task_comm(k, task)];
    const thread = this.#state.nextThread();
    const gate = makeLoadGate();
    const start: TaskStart = { buffer, epoch, thread, gate, task, ...(run === undefined ? {} : { run }) };
    const filename = new URL('../../workers/task.js', import.meta.url).href;
    const ended = (this.#pool.run(start, { filename }) as Promise<Outcome>).catch(async (cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      await this.#onDeath(task, thread, reason);
      throw new TaskDiedError(pid, comm, reason);
    });
    const entry = new TaskThread(thread, ended, gate);
    this.#threads.set(task, entry);
    return ended.finally(() => {
      // The slot may have another task by now.
      if (this.#threads.get(task) === entry) this.#threads.delete(task);
    });
  }
}

import { EventEmitter } from 'node:events';
import { imageBytes, type Hardware } from '../arch/hardware.js';
import { MemoryImage } from '../image/memory-image.js';
import { WaitGivenUp } from '../kernel/core/errors.js';
import { cpu_online } from '../kernel/core/cpu-mask.js';
import { readLog } from '../kernel/core/printk.js';
import { audit, type AuditReport } from '../kernel/debug/audit.js';
import { writeFirmware } from '../kernel/firmware.js';
import { writeFile } from '../kernel/fs/write-file.js';
import { makeContextIdle } from '../kernel/hotplug.js';
import type { Kernel } from '../kernel/kernel.js';
import { listTasks, type TaskInfo } from '../kernel/sched/list-tasks.js';
import { sendSignalFromOutside } from '../kernel/sched/signal.js';
import { find_task_by_pid } from '../kernel/sched/task-slots.js';
import { Clock } from './clock.js';
import { loadHardware } from './config-load.js';
import type { MachineConfig } from './config-types.js';
import { ConsoleTurns } from './console-turns.js';
import { CpuPlug } from './cpu-plug.js';
import { CpuThreads } from './cpu-threads.js';
import { type AllThreads, endThreads, halt, reportLeaks } from './halt.js';
import { HungTaskWatch } from './hung-task-watch.js';
import { type CpuParts, MachineCpu } from './machine-cpu.js';
import { type CpuDiedError, MachineStateError } from './machine-errors.js';
import { CONSOLE_THREAD, MachineState } from './machine-state.js';
import { moduleUrl } from './module-url.js';
import { type MachineTask, type SpawnOptions, TaskThreads } from './task-threads.js';
import { ThreadDeaths } from './thread-deaths.js';
import { makeThreadPool } from './thread-pool.js';
import type { WorkerMessage } from './worker-messages.js';

/** How long functions may go on after a panic before their threads are ended. */
const PANIC_GRACE_MS = 1000;

/** What a machine tells its host. */
export interface MachineEvents {
  /** A BUG, WARN, oops or panic: its text. */
  report: [text: string];
  /** A CPU's thread died. */
  died: [error: CpuDiedError];
}

/**
 * A running machine: its memory, a thread per CPU, and this thread as its console.
 *
 * ```ts
 * const machine = await Machine.boot('x86_64-numa2');
 * const pfn = await machine.cpu(1).run(new URL('./work.js', import.meta.url), 'allocate', { order: 3 });
 * await machine.halt();
 * ```
 */
export class Machine extends EventEmitter<MachineEvents> {
  readonly hardware: Hardware;
  readonly image: MemoryImage;
  readonly #state: MachineState;
  readonly #turns: ConsoleTurns;
  readonly #threads: CpuThreads;
  readonly #tasks: TaskThreads;
  readonly #all: AllThreads;
  readonly #cpuParts: CpuParts;
  #clock: Clock | undefined;
  #hungTasks: HungTaskWatch | undefined;
  #halting: Promise<void> | undefined;

  private constructor(hardware: Hardware, image: MemoryImage) {
    super();
    this.hardware = hardware;
    this.image = image;
    const cpus = hardware.cpuNodes.length;
    const report = (text: string) => {
      this.#reported(text);
    };
    const startThread = (task: number) => {
      // On a machine that is being ended nobody waits for it.
      if (!this.halted) this.#tasks.start(task);
    };
    const state = new MachineState(image, cpus, { report, startThread });
    const pool = makeThreadPool(cpus);
    this.#state = state;
    this.#turns = new ConsoleTurns(state);
    this.#threads = new CpuThreads(state, pool, (thread, error) => deaths.ofCpu(thread, error));
    this.#tasks = new TaskThreads(state, pool, (task, thread, why) => deaths.ofTask(task, thread, why));
    const died = (error: CpuDiedError) => {
      this.emit('died', error);
    };
    const deaths = new ThreadDeaths(state, this.#turns, this.#threads, { report, died });
    this.#cpuParts = {
      state,
      threads: this.#threads,
      plug: new CpuPlug(state, this.#turns, this.#threads),
      traced: async () => this.#clock?.traced(),
    };
    this.#all = { pool, cpus: this.#threads, tasks: this.#tasks };
    pool.on('message', ({ gfpReport, gfpStartThread, gfpTaskThread }: WorkerMessage) => {
      if (gfpReport !== undefined) report(gfpReport);
      if (gfpStartThread !== undefined) startThread(gfpStartThread);
      if (gfpTaskThread !== undefined) this.#tasks.noteThread(gfpTaskThread.task, gfpTaskThread.threadId);
    });
  }

  /**
   * Boots a machine.
   *
   * @param config a preset's name, the path of a JSON file, or a configuration; default: the preset `x86_64-numa2`
   * @param overrides top-level fields that replace those of `config`
   * @throws ConfigError when the configuration is wrong; it names every wrong field
   * @throws CpuError when the kernel cannot boot on it
   */
  static async boot(
    config?: string | MachineConfig,
    overrides: Partial<MachineConfig> = {},
  ): Promise<Machine> {
    const hardware = loadHardware(config, overrides);
    const image = MemoryImage.create(imageBytes(hardware));
    writeFirmware(image, hardware);
    const machine = new Machine(hardware, image);
    try {
      await machine.#threads.boot();
    } catch (error) {
      // From here on nobody starts another thread.
      machine.#state.halted = true;
      await endThreads(machine.#all);
      throw error;
    }
    machine.#watch();
    return machine;
  }

  /** Starts the clock, and the watch for tasks that hang. */
  #watch(): void {
    const [threads, tasks] = [this.#threads, this.#tasks];
    this.#clock = new Clock(this.console, {
      cpus: this.cpus,
      consoleThread: CONSOLE_THREAD,
      serve: (cpu) => threads.serveIdle(cpu),
      workOf: (cpu, owner) => threads.workOf(cpu, owner),
      nodeThread: (thread) => threads.nodeThread(thread) ?? tasks.nodeThread(thread),
    });
    this.#clock.start();
    this.#hungTasks = new HungTaskWatch(this.console);
    this.#hungTasks.start();
  }

  /** The kernel as the console sees it: may read everything and take locks, is no CPU and owns no page lists. */
  get console(): Kernel {
    return this.#state.console;
  }

  /** Number of CPUs, online or not. */
  get cpus(): number {
    return this.#state.cpus;
  }

  /**
   * A CPU.
   *
   * @throws RangeError when the machine has none of that number
   */
  cpu(n: number): MachineCpu {
    return new MachineCpu(this.#cpuParts, n);
  }

  /** Numbers of the online CPUs. */
  onlineCpus(): number[] {
    return this.#numbers().filter((cpu) => cpu_online(this.console, cpu));
  }

  /**
   * Runs an exported function on several CPUs at once, from a barrier: it is called when all are ready.
   *
   * @param module absolute URL of a JavaScript module
   * @param exportName a function `(k: Kernel, args) => result`; results and arguments must be cloneable
   * @param cpus default: all online CPUs
   * @returns the results, in the order of `cpus`
   * @throws CpuError or CpuDiedError of the first CPU that failed, when all others have ended
   */
  async runAll(
    module: string | URL,
    exportName: string,
    args?: unknown,
    cpus = this.onlineCpus(),
  ): Promise<unknown[]> {
    const url = moduleUrl(module);
    if (new Set(cpus).size !== cpus.length) throw new RangeError(`CPUs ${cpus.join(', ')}: each only once`);
    if (cpus.length === 0) throw new MachineStateError('no CPU to run on');
    return await this.#threads.runAll(cpus, url, exportName, args);
  }

  /**
   * Starts a task: a function on a thread of its own, which takes turns with others on the CPUs, sleeps, and may go on on
   * another CPU at any time. As many as MAX_KTHREADS can exist at a time.
   *
   * @param module absolute URL of a JavaScript module
   * @param exportName a synchronous function `(k: Kernel, args) => result`; its result and `args` must be cloneable
   * @throws RangeError for a CPU that does not exist
   * @throws MachineStateError when there are too many tasks, or no CPU of `cpus` is online
   */
  spawn(module: string | URL, exportName: string, args?: unknown, options: SpawnOptions = {}): MachineTask {
    this.#state.mustRun();
    const url = moduleUrl(module);
    const { cpus } = options;
    if (cpus !== undefined && !cpus.some((cpu) => cpu_online(this.console, this.cpu(cpu).number)))
      throw new MachineStateError(`none of the CPUs ${cpus.join(', ')} is online`);
    return this.#tasks.spawn(url, exportName, args, options);
  }

  /** The tasks that exist: those of the CPUs, and those with threads of their own. */
  tasks(): TaskInfo[] {
    return listTasks(this.console);
  }

  /**
   * Sends a signal to a task: its sleep ends if it is interruptible.
   *
   * @param sig 1 to 31
   * @throws MachineStateError when there is no such task
   */
  signal(pid: number, sig: number): void {
    sendSignalFromOutside(this.console, this.#taskOf(pid), sig);
  }

  /** Ends a task's thread as {@link MachineCpu.kill} does that of a CPU. Resolves when it was dealt with. */
  async killTask(pid: number): Promise<void> {
    await this.#clock?.traced();
    await this.#tasks.kill(this.#taskOf(pid));
  }

  #taskOf(pid: number): number {
    this.#state.mustRun();
    const task = find_task_by_pid(this.console, pid);
    if (task === 0) throw new MachineStateError(`there is no task ${pid}`);
    return task;
  }

  /**
   * The text of a pseudo file, such as `/proc/buddyinfo`.
   *
   * @throws Error when there is no such file; it lists those that exist
   * @throws MachineStateError when a CPU holds a lock for too long that is needed
   */
  cat(path: string): string {
    try {
      return this.console.cat(path);
    } catch (error) {
      if (!(error instanceof WaitGivenUp)) throw error;
      makeContextIdle(this.console);
      throw new MachineStateError(error.message);
    }
  }

  /**
   * Writes a tunable under /proc/sys, or those of a slab cache (/proc/slabinfo), with all CPUs stopped.
   *
   * @throws Error when there is no such file or the value is not allowed
   */
  async write(path: string, text: string): Promise<void> {
    this.#state.mustRun();
    await this.#turns.stopped(this.#numbers(), () => {
      writeFile(this.console, path, text);
    });
  }

  /**
   * Stops all CPUs where they are and checks every frame, list and counter of the machine.
   *
   * @throws MachineStateError when a CPU cannot be stopped
   */
  async audit(): Promise<AuditReport> {
    // On a stopped machine nothing moves, though locks may be left held.
    if (this.panicked || this.halted) return audit(this.console);
    return this.#turns.stopped(this.#numbers(), () => audit(this.console));
  }

  /** The kernel log. */
  dmesg(): string {
    return readLog(this.console);
  }

  /** Whether the kernel has panicked. */
  get panicked(): boolean {
    return this.#state.panicked;
  }

  /** Whether the machine was halted. */
  get halted(): boolean {
    return this.#state.halted;
  }

  /**
   * Ends the machine: functions that still run end with MachineHalted at their next poll, threads end. Its memory can
   * still be read. Calling it again waits for the same end.
   */
  halt(): Promise<void> {
    this.#halting ??= this.#halt();
    return this.#halting;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.halt();
  }

  async #halt(): Promise<void> {
    this.#state.halted = true;
    this.#clock?.stop();
    this.#hungTasks?.stop();
    await halt(this.#state, this.#all);
    await this.#clock?.traced();
    await endThreads(this.#all);
    reportLeaks(this.#state);
  }

  #numbers(): number[] {
    return this.#threads.all.map((thread) => thread.cpu);
  }

  #reported(text: string): void {
    this.emit('report', text);
    // Functions that never poll would not notice the panic: their threads are ended.
    if (this.panicked) setTimeout(() => void this.halt(), PANIC_GRACE_MS).unref();
  }
}

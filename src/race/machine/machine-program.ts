import { imageBytes } from '../../arch/hardware.js';
import { MemoryImage } from '../../image/memory-image.js';
import { CONTEXT_START, CPU_AREA, RUN_QUEUE, TASK_CONTEXT } from '../../kernel/core/cpu-area.js';
import { KERNEL } from '../../kernel/core/kernel-data.js';
import { ON_CPU, ON_ITS_WAY, TASK, TASK_RUNNING } from '../../kernel/core/task-struct.js';
import { cpuTask, writeAllowed } from '../../kernel/core/tasks.js';
import { writeFirmware } from '../../kernel/firmware.js';
import type { ModuleFunction } from '../../kernel/core/platform.js';
import { Kernel } from '../../kernel/kernel.js';
import { loadHardware } from '../../machine/config-load.js';
import { AddressMap } from '../engine/address-map.js';
import type { Executor } from '../engine/executor.js';
import { History } from '../engine/history.js';
import { MAX_THREADS } from '../engine/strategy.js';
import { SimThread } from '../engine/thread.js';
import { limitsOf, type Program, twin } from '../program.js';
import { RaceUsageError } from '../race-error.js';
import { SCENARIO_MODULE, type MachineMemory, type MachineScenario, type TaskScenario } from '../scenario.js';
import { bootCpus, loadKernel, type SimulatedKernel } from './boot-simulated.js';
import type { PlatformHost } from './simulated/platform.js';
import { causeOfReport, kindOfReport } from './kernel-failure.js';
import { chooseTwins, type TwinChoices } from './kernel-twins.js';
import { PageShadow } from './page-shadow.js';

/** Boots the machine of a scenario, on this thread. */
export async function bootProgram(scenario: MachineScenario): Promise<Program> {
  return new MachineProgram(scenario, await loadKernel(scenario.patches ?? []));
}

/** A scenario on a booted machine, ready for execution. */
class MachineProgram implements Program {
  readonly name: string;
  readonly memory: AddressMap;
  readonly limits;
  readonly threads: readonly SimThread[];
  readonly model;
  readonly invariant;
  readonly #scenario: MachineScenario;
  readonly #kernel: SimulatedKernel;
  readonly #image: MemoryImage;
  /** The kernel as each CPU sees it, the console's last. */
  readonly #cpus: readonly MachineMemory[];
  /** The tasks with threads of their own, and the kernel as each sees it. */
  readonly #tasks: readonly MachineTask[];
  /** The same memory seen by code that nobody watches: for names. */
  readonly #unwatched: Kernel;
  readonly #starters: readonly (() => Generator<undefined, unknown, undefined>)[];
  #executor!: Executor;
  /** False while the machine boots. */
  #isAttached = false;
  #history!: History;
  #shadow!: PageShadow;
  #failuresLeft = 0;
  #preemptionsLeft = 0;
  readonly #choices: TwinChoices;

  constructor(scenario: MachineScenario, kernel: SimulatedKernel) {
    this.#scenario = scenario;
    this.#kernel = kernel;
    this.name = scenario.name;
    this.model = scenario.model;
    this.limits = limitsOf(scenario);
    const hardware = loadHardware(scenario.machine);
    this.#image = MemoryImage.create(imageBytes(hardware));
    writeFirmware(this.#image, hardware);
    this.memory = new AddressMap(this.#image.i32 as Int32Array<SharedArrayBuffer>);
    const host: PlatformHost = {
      now: () => (this.#isAttached ? this.#executor.time : 0),
      preemptsNow: () => this.#preemptsNow(),
      startThread: () => {
        throw new RaceUsageError(
          `scenario '${this.name}': a simulated machine has no further threads: name its tasks in the scenario`,
        );
      },
      report: (text) => this.#reported(text),
      load: (url, functionName) => {
        const found = url === SCENARIO_MODULE ? scenario.functions?.[functionName] : undefined;
        if (found !== undefined) return found as ModuleFunction;
        throw new RaceUsageError(
          `scenario '${this.name}': module ${url} cannot be called across simulated CPUs`,
        );
      },
    };
    const tasks = scenario.tasks ?? [];
    const seen = bootCpus(kernel, this.#image, hardware, host, tasks.length);
    this.#cpus = seen.slice(0, hardware.cpuNodes.length + 1);
    this.#tasks = tasks.map((task, i) => this.#makeTask(task, i, seen[this.#cpus.length + i]));
    this.#loadFunctions();
    this.#unwatched = new Kernel(this.#image, 0, this.#cpus[0].platform);
    this.threads = this.#makeThreads();
    this.#starters = this.#makeStarters();
    const { invariant, realLocks = false } = scenario;
    this.#choices = { realLocks, failsNow: () => this.#failsNow() };
    this.invariant = invariant === undefined ? undefined : () => invariant(this.#cpus[0]);
  }

  get history(): History {
    return this.#history;
  }

  attach(executor: Executor): void {
    this.#executor = executor;
    this.#isAttached = true;
    this.#history = new History(executor);
    const record = this.#history.recorder();
    for (const k of this.#cpus) k.record = record;
    for (const { k } of this.#tasks) k.record = record;
    const checksWritten = !(this.#scenario.ignore ?? []).includes('uninitialised');
    this.#shadow = new PageShadow(this.#image.i32, executor, checksWritten);
    executor.watcher = this.#shadow;
    executor.failError = (t, error) => {
      const message = error instanceof Error ? error.message : String(error);
      executor.fail(kindOfReport(message), `${t.name}: ${message.split('\n')[0]}`, t.id);
    };
  }

  begin(): void {
    chooseTwins(this.#kernel.modules, this.#choices);
    this.#failuresLeft = this.#scenario.allocationFailures ?? 0;
    // The setup is not to be preempted.
    this.#preemptionsLeft = 0;
    this.#history.begin();
    this.#shadow.begin();
    // The setup must not see the time of the execution before.
    this.#executor.time = 0;
    this.#setOwner(0, 1);
    this.#scenario.setup?.(this.#cpus[0]);
    for (let cpu = 0; cpu < this.#cpus.length - 1; cpu++) {
      if (cpu < this.#scenario.threads.length) this.#runOwnTask(cpu);
      else this.#setOwner(cpu, 0);
    }
    for (const [i, task] of this.#tasks.entries()) this.#bring(task, i % this.#scenario.threads.length);
    this.#preemptionsLeft = this.#scenario.preemptions ?? 0;
    for (const [i, t] of this.threads.entries()) t.reset(this.#starters[i]());
  }

  final(): void {
    this.#setOwner(0, 1);
    this.#shadow.phase = 'final';
    this.#scenario.final?.(this.#cpus[0]);
    if (this.#scenario.noLeaks === true) this.#shadow.checkLeaks();
  }

  nameOf(address: number, size: number): string {
    const name = this.#unwatched.nameOf(address >>> 2);
    return size < 4 ? `${name} byte ${address & 3}` : name;
  }

  /** Before anything runs: the first call of a function is like all others then. */
  #loadFunctions(): void {
    for (const [name, f] of Object.entries(this.#scenario.functions ?? {})) {
      twin(this.name, `functions.${name}`, f);
      const symbol = this.#cpus[0].module_symbol(SCENARIO_MODULE, name);
      for (const k of this.#cpus) for (let cpu = 0; cpu < this.#cpus.length; cpu++) k.as(cpu).preload(symbol);
    }
  }

  #makeThreads(): SimThread[] {
    const { name, threads, interrupts = [], console: onConsole } = this.#scenario;
    const cpus = this.#cpus.length - 1;
    if (threads.length > cpus) {
      throw new RaceUsageError(
        `scenario '${name}' has ${threads.length} threads for a machine of ${cpus} CPUs: at most one for each`,
      );
    }
    const sims = threads.map((_, cpu) => new SimThread(cpu, `CPU ${cpu}`));
    for (const { name: taskName } of this.#tasks) sims.push(new SimThread(sims.length, taskName));
    if (onConsole !== undefined) sims.push(new SimThread(sims.length, CONSOLE));
    for (const { cpu } of interrupts) {
      if (!(Number.isInteger(cpu) && cpu >= 0 && cpu < threads.length)) {
        throw new RaceUsageError(`scenario '${name}': an interrupt for CPU ${cpu}, which runs no thread`);
      }
      const handler = new SimThread(sims.length, `interrupt on CPU ${cpu}`, sims[cpu]);
      handler.irqWord = this.#cpus[cpu].area + CPU_AREA.at.irqs_disabled;
      sims.push(handler);
    }
    if (sims.length < 1 || sims.length > MAX_THREADS) {
      throw new RaceUsageError(
        `scenario '${name}' has ${sims.length} threads, it must have 1 to ${MAX_THREADS}`,
      );
    }
    return sims;
  }

  /** For each thread: what begins it. */
  #makeStarters(): (() => Generator<undefined, unknown, undefined>)[] {
    const { name, threads, interrupts = [], console: onConsole } = this.#scenario;
    const { runAsCpu, runAsTask, runAsConsole, runHandler } = this.#kernel.threads;
    const runner = (f: object): ReturnType<typeof twin> => twin(name, 'the kernel', f);
    for (const [i, f] of threads.entries()) twin(name, `threads[${i}]`, f);
    const starters = threads.map((f, cpu) => () => runner(runAsCpu)(this.#cpus[cpu], f));
    for (const [i, { k, task, body }] of this.#tasks.entries()) {
      twin(name, `tasks[${i}]`, body);
      starters.push(() => runner(runAsTask)(k, task, body));
    }
    if (onConsole !== undefined) starters.push(() => runner(runAsConsole)(this.#cpus.at(-1), onConsole));
    for (const { cpu, handler } of interrupts) {
      twin(name, `the interrupt handler of CPU ${cpu}`, handler);
      starters.push(() => runner(runHandler)(this.#cpus[cpu], handler));
    }
    return starters;
  }

  #setOwner(cpu: number, thread: number): void {
    this.#set(this.#image.i32[KERNEL.cpu_area + cpu] + CPU_AREA.at.owner, thread);
  }

  /** A CPU is what its own thread is, and runs that one's task. */
  #runOwnTask(cpu: number): void {
    const area = this.#image.i32[KERNEL.cpu_area + cpu];
    const task = cpuTask(this.#unwatched, cpu);
    this.#setOwner(cpu, cpu + 1);
    this.#set(area + CPU_AREA.at.rq + RUN_QUEUE.at.current, task);
    this.#set(area + CPU_AREA.at.rq + RUN_QUEUE.at.nr_running, 1);
    this.#set(task + TASK.at.state, TASK_RUNNING);
    this.#set(task + TASK.at.on_rq, ON_CPU);
    this.#set(task + TASK.at.running, cpu + 1);
    for (let i = 0; i < TASK_CONTEXT.words; i++)
      this.#set(area + CONTEXT_START + i, this.#image.i32[task + TASK.at.context + i]);
  }

  /** Allocates a task, once: each execution finds it created and not run. */
  #makeTask({ name, cpus, body }: TaskScenario, i: number, k: MachineMemory): MachineTask {
    const taskName = name ?? `task ${i}`;
    const console = this.#cpus[this.#cpus.length - 1];
    const task = this.#kernel.kthread.prepareTask(console, taskName);
    if (cpus !== undefined) writeAllowed(console, task, cpus);
    this.#image.i32[task + TASK.at.thread] = k.platform.thread;
    return { name: taskName, task, k, body, start: { cpu: k.cpu, node: k.node, area: k.area } };
  }

  /** Brings a task to a CPU, which it has not run on yet. */
  #bring({ task, k, start }: MachineTask, cpu: number): void {
    const incoming = this.#image.i32[KERNEL.cpu_area + cpu] + CPU_AREA.at.rq + RUN_QUEUE.at.incoming;
    // What the execution before has left in the object.
    Object.assign(k, start);
    this.#set(task + TASK.at.state, TASK_RUNNING);
    this.#set(task + TASK.at.on_rq, ON_ITS_WAY);
    this.#set(task + TASK.at.cpu, cpu);
    this.#set(task + TASK.at.next_incoming, this.#image.i32[incoming]);
    this.#set(incoming, task);
  }

  #set(word: number, value: number): void {
    const { i32 } = this.#image;
    this.#executor.undo.note(word, i32[word]);
    i32[word] = value;
  }

  #failsNow(): boolean {
    if (this.#failuresLeft === 0) return false;
    const chosen = this.#executor.choose(2) === 1;
    if (chosen) this.#failuresLeft--;
    return chosen;
  }

  #preemptsNow(): boolean {
    if (this.#preemptionsLeft === 0) return false;
    const chosen = this.#executor.choose(2) === 1;
    if (chosen) this.#preemptionsLeft--;
    return chosen;
  }

  /** The kernel has reported a BUG, a WARN, an oops or a panic. */
  #reported(text: string): void {
    if (!this.#isAttached) throw new Error(`the simulated machine did not boot:\n${text}`);
    const kind = kindOfReport(text);
    const { current } = this.#executor;
    const isAboutPage = kind === 'double-free' || kind === 'use-after-free';
    this.#executor.fail(kind, causeOfReport(text), current?.id ?? -1, [
      ...(isAboutPage ? this.#shadow.historyOf(current) : []),
      { heading: 'The report of the kernel', lines: text.split('\n') },
    ]);
  }
}

/** A task with a thread of its own. */
interface MachineTask {
  readonly name: string;
  readonly task: number;
  readonly k: MachineMemory;
  readonly body: (k: MachineMemory) => void;
  /** The CPU that `k` is at first. */
  readonly start: Pick<Kernel, 'cpu' | 'node' | 'area'>;
}

const CONSOLE = 'console';

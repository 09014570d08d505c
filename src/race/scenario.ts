import type { Kernel } from '../kernel/kernel.js';
import type { MachineConfig } from '../machine/config-types.js';
import type { SequentialModel } from './detect/linearizability.js';

/** A bare shared image, with the operations that only an explorer has. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly u16: Uint16Array;
  readonly u8: Uint8Array;
  readonly f64: Float64Array;

  /** Takes the lock in word `index` of `i32`, waiting until it is free. To the explorer one blocking step. */
  lock(index: number): void;
  /** Releases it. By another thread than the one that has it, it is an `unlock-not-owner`. */
  unlock(index: number): void;
  /** Lets only `i32[index]` being another value than the last one read go on: for loops that wait by spinning. */
  cpu_relax(index: number): void;
  /** Notes an operation on the object that `model` describes, with its argument, and gives its result. */
  call<Result>(name: string, argument: unknown, action: () => Result): Result;
  /** Number of the running thread: 0, 1, ... */
  readonly thread: number;
}

/** What {@link SharedMemory} has on a booted machine: the kernel as the running CPU sees it, and the recorder. */
export interface MachineMemory extends Kernel {
  /** See {@link SharedMemory.call}. */
  record: SharedMemory['call'];
}

interface CommonScenario {
  readonly name: string;
  /** For linearizability: the object that {@link SharedMemory.call} works on, as one thread would see it. */
  readonly model?: SequentialModel;
  /** How many timed waits of an execution may end early, although somebody could go on; default 1. */
  readonly timeouts?: number;
  /** How many waits of an execution may end for no reason at all; default 0. */
  readonly spuriousWakeups?: number;
  /** Operations after which an execution counts as one that does not end; default 20,000. */
  readonly maxSteps?: number;
  /** Checks that are left out: a program can be meant to race. */
  readonly ignore?: readonly ('race' | 'lock-order' | 'lost-wakeup' | 'uninitialised')[];
}

/** A program on bare shared memory. */
export interface MemoryScenario extends CommonScenario {
  /** Bytes of the memory; zero before each execution. */
  readonly memory: number;
  readonly setup?: (m: SharedMemory) => void;
  readonly threads: readonly ((m: SharedMemory) => void)[];
  /** After every step: throw to fail. */
  readonly invariant?: (m: SharedMemory) => void;
  /** After all threads have ended: throw to fail. */
  readonly final?: (m: SharedMemory) => void;
}

/** A program on a booted machine. */
export interface MachineScenario extends CommonScenario {
  /** The machine: a preset or a configuration. */
  readonly machine: string | MachineConfig;
  /** Runs as CPU 0, before the others do anything. */
  readonly setup?: (k: Kernel) => void;
  /** Thread i runs as CPU i. */
  readonly threads: readonly ((k: Kernel) => void)[];
  /** Tasks that take turns with those of the CPUs, and go on on whatever CPU is given to them. */
  readonly tasks?: readonly TaskScenario[];
  /** How many times an execution may preempt a running task, wherever that may be preempted; default 0. */
  readonly preemptions?: number;
  readonly invariant?: (k: Kernel) => void;
  readonly final?: (k: Kernel) => void;
  /** Runs on the console, which is no CPU: what the host does while the CPUs run, such as unplugging one. */
  readonly console?: (k: Kernel) => void;
  /** Interrupt handlers: each may come once, on its CPU, wherever interrupts are enabled there. */
  readonly interrupts?: readonly { readonly cpu: number; readonly handler: (k: Kernel) => void }[];
  /**
   * Functions that the kernel calls by number: timers, tasklets, handlers of `request_irq`. Their numbers are those of
   * {@link SCENARIO_MODULE}: `k.module_symbol(SCENARIO_MODULE, 'name')`.
   */
  readonly functions?: Readonly<Record<string, (k: Kernel, info: number, second?: number) => unknown>>;
  /** How many page allocations of an execution may be made to fail; default 0. */
  readonly allocationFailures?: number;
  /** Whether pages that the execution allocated and did not free are a `leak`; default false. */
  readonly noLeaks?: boolean;
  /** Run the kernel's real lock code instead of one blocking step for each lock; default false. */
  readonly realLocks?: boolean;
  /** Changes of the kernel's source, for mutants: in `file` (`kernel/mm/buddy`), `find` becomes `replace`. */
  readonly patches?: readonly SourcePatch[];
}

/** A task of a scenario. It waits for a CPU from the beginning: the i-th for that of thread i, and so round. */
export interface TaskScenario {
  /** Default: `task` and its number. */
  readonly name?: string;
  /** CPUs that it may run on; default: all. */
  readonly cpus?: readonly number[];
  readonly body: (k: Kernel) => void;
}

/** The module that a scenario's own functions belong to. */
export const SCENARIO_MODULE = 'scenario:functions';

/** A change of a source text. `find` must stand there exactly once. */
export interface SourcePatch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export type Scenario = MemoryScenario | MachineScenario;

/** Declares a scenario: gives it back, checked. */
export function scenario<Declared extends Scenario>(declared: Declared): Declared {
  return declared;
}

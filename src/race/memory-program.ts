import { AddressMap, type ViewInfo } from './engine/address-map.js';
import type { Executor } from './engine/executor.js';
import { History } from './engine/history.js';
import { SimThread } from './engine/thread.js';
import { def } from './engine/twin.js';
import { limitsOf, type Program, twin } from './program.js';
import { RaceUsageError } from './race-error.js';
import type { MemoryScenario, SharedMemory } from './scenario.js';
import { MAX_THREADS } from './engine/strategy.js';

/** The largest bare memory, in bytes. */
const MAX_BYTES = 1 << 30;
/** Views of all widths fit. */
const ROUND_BYTES = 8;
/** What a lock's word has while somebody has the lock. */
const LOCKED = 1;

/** A scenario on bare shared memory, ready for execution. */
export class MemoryProgram implements Program {
  readonly name: string;
  readonly memory: AddressMap;
  readonly limits;
  readonly threads: readonly SimThread[];
  readonly model;
  readonly invariant;
  readonly #scenario: MemoryScenario;
  readonly #twins;
  readonly #buffer: SharedArrayBuffer;
  #m!: SharedMemory;
  #history!: History;

  constructor(scenario: MemoryScenario) {
    check(scenario);
    this.#scenario = scenario;
    this.name = scenario.name;
    this.model = scenario.model;
    this.limits = limitsOf(scenario);
    const bytes = Math.max(1, Math.ceil(scenario.memory / ROUND_BYTES)) * ROUND_BYTES;
    this.#buffer = new SharedArrayBuffer(bytes);
    this.memory = new AddressMap(new Int32Array(this.#buffer));
    this.#twins = scenario.threads.map((f, i) => twin(scenario.name, `threads[${i}]`, f));
    this.threads = scenario.threads.map((_, i) => new SimThread(i, `thread ${i}`));
    const { invariant } = scenario;
    this.invariant = invariant === undefined ? undefined : () => invariant(this.#m);
  }

  attach(executor: Executor): void {
    this.#history = new History(executor);
    this.#m = sharedMemory(this.#buffer, this.memory.main, executor, this.#history);
  }

  begin(): void {
    this.#history.begin();
    this.#scenario.setup?.(this.#m);
    for (const [i, t] of this.threads.entries()) t.reset(this.#twins[i](this.#m));
  }

  final(): void {
    this.#scenario.final?.(this.#m);
  }

  strayWord(): string | undefined {
    const word = this.memory.main.findIndex((value) => value !== 0);
    return word < 0 ? undefined : this.nameOf(word * 4, 4, null);
  }

  get history(): History {
    return this.#history;
  }

  nameOf(address: number, _size: number, info: ViewInfo | null): string {
    const known = info ?? this.memory.infoOf(this.#m.i32);
    return this.memory.plainName(address, known);
  }
}

function check({ name, memory, threads }: MemoryScenario): void {
  if (!(Number.isInteger(memory) && memory >= 0 && memory <= MAX_BYTES)) {
    throw new RaceUsageError(
      `scenario '${name}': memory is ${memory}, it must be a whole number of bytes from 0 to ${MAX_BYTES}`,
    );
  }
  if (!(threads.length >= 1 && threads.length <= MAX_THREADS)) {
    throw new RaceUsageError(
      `scenario '${name}' has ${threads.length} threads, it must have 1 to ${MAX_THREADS}`,
    );
  }
}

/** The `m` of a scenario's functions. */
function sharedMemory(
  buffer: SharedArrayBuffer,
  i32: Int32Array,
  executor: Executor,
  history: History,
): SharedMemory {
  return {
    buffer,
    i32,
    u32: new Uint32Array(buffer),
    u16: new Uint16Array(buffer),
    u8: new Uint8Array(buffer),
    f64: new Float64Array(buffer),
    lock: def(
      (index: number) => {
        if (i32[index] !== 0)
          throw new RangeError(`lock ${index} is taken already, and nobody could release it`);
        executor.syncWrite(i32, index, LOCKED, 0);
        i32[index] = LOCKED;
      },
      function* (index: number) {
        if (executor.acquire(index, -1, LOCKED, true, 0)) yield;
      },
    ),
    unlock: def(
      (index: number) => {
        executor.syncWrite(i32, index, 0, 0);
        i32[index] = 0;
      },
      function* (index: number) {
        if (executor.release(index, LOCKED, 0)) yield;
      },
    ),
    cpu_relax: def(
      () => {},
      function* (index: number) {
        if (executor.relax(index, 0)) yield;
      },
    ),
    call: history.recorder(),
    get thread() {
      return executor.current?.id ?? -1;
    },
  };
}

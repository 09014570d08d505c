import {
  OP_ACQUIRE,
  OP_AWAIT,
  OP_CAS,
  OP_LOCAL,
  OP_NOTIFY,
  OP_READ,
  OP_RELEASE,
  OP_RMW,
  OP_TIMEOUT,
  OP_WAIT,
  OP_WRITE,
} from '../../../../src/race/engine/op.js';
import type { ExecutionView, Strategy } from '../../../../src/race/engine/strategy.js';

/**
 * One step of a thread of the model. `load` and the like leave what they read in the thread's register. Words are
 * numbered; each has 4 bytes.
 */
export type Step =
  | { readonly do: 'load' | 'store byte' | 'load byte'; readonly word: number }
  | { readonly do: 'store' | 'add'; readonly word: number; readonly value: number }
  | { readonly do: 'store register plus 1'; readonly word: number }
  | { readonly do: 'cas'; readonly word: number; readonly expected: number; readonly value: number }
  | { readonly do: 'lock' | 'unlock' | 'read lock' | 'read unlock'; readonly word: number }
  | { readonly do: 'wait'; readonly word: number; readonly expected: number }
  | { readonly do: 'notify'; readonly word: number; readonly count: number }
  | { readonly do: 'spin until'; readonly word: number; readonly value: number }
  // What is no scheduling point:
  | { readonly do: 'choose'; readonly limit: number }
  | { readonly do: 'skip unless'; readonly value: number; readonly steps: number }
  | { readonly do: 'disable interrupts' | 'enable interrupts' | 'crash' };

export interface ModelProgram {
  readonly threads: readonly (readonly Step[])[];
  /** Handlers that may run once each, in one piece for their base. */
  readonly interrupts?: readonly { readonly base: number; readonly steps: readonly Step[] }[];
  /** Waits that may end by themselves although others can go on. */
  readonly timeouts?: number;
}

interface Executed {
  readonly thread: number;
  readonly kind: number;
  readonly low: number;
  readonly high: number;
}

class ModelThread {
  readonly steps: readonly Step[];
  readonly base: number;
  at = 0;
  register = 0;
  /** Asleep in a wait; woken from it; spinning after a look in vain. */
  state: 'ready' | 'asleep' | 'woken' | 'spinning' = 'ready';
  seen = 0;
  begun: boolean;
  masked = false;
  suspended = false;
  numbers: number[] = [];

  constructor(steps: readonly Step[], base: number) {
    this.steps = steps;
    this.base = base;
    this.begun = base < 0;
  }
}

/** A machine that executes small programs under a strategy: what the real executor is, in little. */
export class Model implements ExecutionView {
  readonly threads: number;
  steps = 0;
  /** Who executed what, in the last execution. */
  trace: Executed[] = [];
  schedule: number[] = [];
  preemptions = 0;
  crashed = false;
  memory = new Int32Array(8);
  readonly #program: ModelProgram;
  #threads: ModelThread[] = [];
  #queue: number[] = [];
  #timeouts = 0;
  #strategy!: Strategy;

  constructor(program: ModelProgram) {
    this.#program = program;
    this.threads = program.threads.length + (program.interrupts?.length ?? 0);
  }

  /** Executes once; undefined when the strategy has nothing left, else whether it finished. */
  next(strategy: Strategy): boolean | undefined {
    this.#reset();
    if (!strategy.begin(this)) return undefined;
    this.#strategy = strategy;
    const finished = this.#run();
    strategy.end(this, { finished, failed: finished && (this.crashed || this.#hangs()) });
    return finished;
  }

  kindOf(thread: number): number {
    const t = this.#threads[thread];
    if (!t.begun || t.state === 'woken') return OP_LOCAL;
    if (t.state === 'asleep') return OP_TIMEOUT;
    if (t.state === 'spinning') return OP_AWAIT;
    const step = t.steps[t.at];
    switch (step.do) {
      case 'load':
      case 'load byte':
      case 'spin until':
        return OP_READ;
      case 'store':
      case 'store byte':
      case 'store register plus 1':
        return OP_WRITE;
      case 'add':
        return OP_RMW;
      case 'cas':
        return this.memory[step.word] === step.expected ? OP_CAS : OP_READ;
      case 'lock':
      case 'read lock':
        return OP_ACQUIRE;
      case 'unlock':
      case 'read unlock':
        return OP_RELEASE;
      case 'wait':
        return this.memory[step.word] === step.expected ? OP_WAIT : OP_READ;
      case 'notify':
        return OP_NOTIFY;
      default:
        throw new Error('not a scheduling point');
    }
  }

  addressOf(thread: number): number {
    if (this.kindOf(thread) === OP_LOCAL) return -1;
    return 4 * this.#wordOf(this.#threads[thread]);
  }

  sizeOf(thread: number): number {
    if (this.kindOf(thread) === OP_LOCAL) return 0;
    const t = this.#threads[thread];
    return t.steps[t.at].do.endsWith('byte') ? 1 : 4;
  }

  isDone(thread: number): boolean {
    const t = this.#threads[thread];
    return t.begun && t.at >= t.steps.length;
  }

  takeGrowth(): boolean {
    return false;
  }

  /** What each thread has in its register, each word, and who has not ended. */
  finalState(): string {
    const threads = this.#threads.map((t, i) => `${t.register}${this.isDone(i) ? '' : '!'}`);
    return `${threads.join(' ')} | ${this.memory.join(' ')}`;
  }

  /** Numbers that the threads chose. */
  numbers(): string {
    return this.#threads.map((t) => t.numbers.join(',')).join(';');
  }

  baseOf(thread: number): number {
    return this.#threads[thread].base;
  }

  #wordOf(t: ModelThread): number {
    const step = t.steps[t.at];
    if ('word' in step) return step.word;
    throw new Error('a step without a word');
  }

  #reset(): void {
    this.memory.fill(0);
    this.#queue = [];
    this.#timeouts = this.#program.timeouts ?? 0;
    this.#threads = [
      ...this.#program.threads.map((steps) => new ModelThread(steps, -1)),
      ...(this.#program.interrupts ?? []).map(({ base, steps }) => new ModelThread(steps, base)),
    ];
    this.steps = 0;
    this.trace = [];
    this.schedule = [];
    this.preemptions = 0;
    this.crashed = false;
  }

  #run(): boolean {
    for (const t of this.#threads) if (t.begun) this.#advance(t);
    let current = -1;
    for (let enabled = this.#enabled(); enabled !== 0 && !this.crashed; enabled = this.#enabled()) {
      const next = this.#strategy.nextThread(this, current, enabled);
      if (next < 0) return false;
      if ((enabled & (1 << next)) === 0) throw new Error(`thread ${next} cannot go on`);
      if (current >= 0 && next !== current && (enabled & (1 << current)) !== 0) this.preemptions++;
      current = next;
      this.#execute(next);
    }
    return true;
  }

  #hangs(): boolean {
    return this.#threads.some((t, i) => t.base < 0 && !this.isDone(i));
  }

  #enabled(): number {
    let mask = 0;
    for (let i = 0; i < this.threads; i++) if (this.#canGoOn(i)) mask |= 1 << i;
    return mask;
  }

  #canGoOn(thread: number): boolean {
    const t = this.#threads[thread];
    if (this.isDone(thread) || t.suspended) return false;
    if (!t.begun) {
      const base = this.#threads[t.base];
      return !this.isDone(t.base) && !base.masked && !base.suspended;
    }
    if (t.state === 'asleep') return this.#timeouts > 0;
    if (t.state === 'spinning') return this.memory[this.#wordOf(t)] !== t.seen;
    if (t.state === 'woken') return true;
    const step = t.steps[t.at];
    if (step.do === 'lock') return this.memory[step.word] === 0;
    if (step.do === 'read lock') return (this.memory[step.word] & 1) === 0;
    return true;
  }

  #execute(thread: number): void {
    const t = this.#threads[thread];
    const low = this.addressOf(thread);
    this.trace.push({ thread, kind: this.kindOf(thread), low, high: low + this.sizeOf(thread) });
    this.schedule.push(thread);
    this.steps++;
    if (!t.begun) {
      t.begun = true;
      this.#threads[t.base].suspended = true;
      this.#advance(t);
    } else if (t.state === 'asleep') {
      this.#timeouts--;
      this.#queue.splice(this.#queue.indexOf(thread), 1);
      t.state = 'woken';
      t.register += 100;
    } else if (t.state === 'spinning') {
      t.state = 'ready';
    } else if (t.state === 'woken') {
      this.#pass(t);
    } else {
      this.#perform(thread, t, t.steps[t.at]);
    }
    if (t.base >= 0 && this.isDone(thread)) this.#threads[t.base].suspended = false;
  }

  #pass(t: ModelThread): void {
    t.state = 'ready';
    t.at++;
    this.#advance(t);
  }

  #perform(thread: number, t: ModelThread, step: Step): void {
    if (!('word' in step)) throw new Error('not a scheduling point');
    const { word } = step;
    const before = this.memory[word];
    switch (step.do) {
      case 'load':
        t.register = before;
        break;
      case 'load byte':
        t.register = before & 0xff;
        break;
      case 'store':
        this.memory[word] = step.value;
        break;
      case 'store byte':
        this.memory[word] = (before & ~0xff) | 7;
        break;
      case 'store register plus 1':
        this.memory[word] = t.register + 1;
        break;
      case 'add':
        this.memory[word] += step.value;
        t.register = before;
        break;
      case 'cas':
        if (before === step.expected) this.memory[word] = step.value;
        t.register = before;
        break;
      case 'lock':
        this.memory[word] = 1;
        break;
      case 'read lock':
        this.memory[word] += 2;
        break;
      case 'unlock':
        this.memory[word] -= 1;
        break;
      case 'read unlock':
        this.memory[word] -= 2;
        break;
      case 'wait':
        if (before !== step.expected) break;
        t.state = 'asleep';
        this.#queue.push(thread);
        return;
      case 'notify':
        t.register = this.#notify(word, step.count);
        break;
      case 'spin until':
        if (before === step.value) break;
        t.state = 'spinning';
        t.seen = before;
        return;
    }
    this.#pass(t);
  }

  #notify(word: number, count: number): number {
    const sleepers = this.#queue.filter((i) => this.#wordOf(this.#threads[i]) === word).slice(0, count);
    this.#queue = this.#queue.filter((i) => !sleepers.includes(i));
    for (const i of sleepers) this.#threads[i].state = 'woken';
    return sleepers.length;
  }

  /** Takes the steps that are no scheduling points. */
  #advance(t: ModelThread): void {
    for (; t.at < t.steps.length; t.at++) {
      const step = t.steps[t.at];
      if (step.do === 'choose') {
        t.register = this.#strategy.nextNumber(this, step.limit);
        t.numbers.push(t.register);
      } else if (step.do === 'skip unless') {
        if (t.register !== step.value) t.at += step.steps;
      } else if (step.do === 'disable interrupts') {
        t.masked = true;
      } else if (step.do === 'enable interrupts') {
        t.masked = false;
      } else if (step.do === 'crash') {
        this.crashed = true;
      } else {
        return;
      }
    }
  }
}

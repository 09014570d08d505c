import type { ModuleFunction, Platform } from '../../../kernel/core/platform.js';
import { IRQ_RESCHEDULE } from '../../../kernel/core/cpu-area.js';
import { cpuRelax, readOnce } from '../../intrinsics.js';

/** What a simulated platform hands on to the explorer. */
export interface PlatformHost {
  /** Virtual time in milliseconds. */
  now(): number;
  startThread(task: number): void;
  /** Whether the running task is to be preempted here, if it can be. */
  preemptsNow(): boolean;
  report(text: string): void;
  load(url: string, name: string): ModuleFunction;
}

/**
 * The world outside the kernel when an explorer runs it: waiting and waking are its business, and time passes only
 * when nobody can do anything else. This file is transformed like the kernel itself.
 */
export class SimulatedPlatform implements Platform {
  readonly thread: number;
  readonly #i32: Int32Array;
  readonly #host: PlatformHost;

  /** @param thread number of the thread, from 1 */
  constructor(i32: Int32Array, thread: number, host: PlatformHost) {
    this.thread = thread;
    this.#i32 = i32;
    this.#host = host;
  }

  wait(word: number, value: number, milliseconds: number): void {
    Atomics.wait(this.#i32, word, value, milliseconds);
  }

  notify(word: number, count: number): void {
    Atomics.notify(this.#i32, word, count);
  }

  mayWait(): boolean {
    return true;
  }

  relax(word: number): void {
    cpuRelax(word);
  }

  now(): number {
    return this.#host.now();
  }

  poll(word: number, i32: Int32Array): number {
    // As if the clock had ticked, and others had been there to run.
    if (this.#host.preemptsNow()) Atomics.or(i32, word, IRQ_RESCHEDULE);
    return readOnce(i32, word);
  }

  startThread(task: number): void {
    this.#host.startThread(task);
  }

  report(text: string): void {
    this.#host.report(text);
  }

  load(url: string, name: string): ModuleFunction {
    return this.#host.load(url, name);
  }
}

import type { ModuleFunction, Platform } from '../../src/kernel/core/platform.js';

/** A world in which nothing happens by itself: for several CPUs in one thread. */
export class StillPlatform implements Platform {
  readonly thread = 1;
  readonly reports: string[] = [];
  readonly notified: [word: number, count: number][] = [];
  /** Milliseconds; each wait takes as long as it may. */
  time = 0;
  /** What happens elsewhere while this thread waits, one for each wait; a wait without one would be for ever. */
  readonly meanwhile: (() => void)[] = [];
  readonly #i32: Int32Array;

  constructor(i32: Int32Array) {
    this.#i32 = i32;
  }

  wait(word: number, value: number, milliseconds: number): void {
    if (this.#i32[word] !== value) return;
    const next = this.meanwhile.shift();
    if (next === undefined) throw new Error(`would wait for ever on word ${word}, value ${value}`);
    this.time += milliseconds;
    next();
  }

  notify(word: number, count: number): void {
    this.notified.push([word, count]);
  }

  mayWait(): boolean {
    return true;
  }

  relax(): void {}

  now(): number {
    return this.time;
  }

  poll(word: number): number {
    return this.#i32[word];
  }

  startThread(): void {
    throw new Error('there are no further threads');
  }

  report(text: string): void {
    this.reports.push(text);
  }

  load(url: string): ModuleFunction {
    throw new Error(`no modules here: ${url}`);
  }
}

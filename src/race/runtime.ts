import type { AsyncWait, WaitResult } from './engine/async-wait.js';
import type { Executor } from './engine/executor.js';
import { MODE_MARKED, MODE_PLAIN } from './engine/op.js';
import { isPiecemeal, type Reach, reachOf } from './engine/view-methods.js';

/**
 * What transformed code calls. Twins, which are generators, call the functions that answer whether to yield; plain
 * functions call those with an `s` in front. All of it goes to the executor whose execution is under way in this
 * thread of the host; without one, transformed code runs like any other.
 */
export { registerSites as sites } from './engine/sites.js';
export { def } from './engine/twin.js';
export * from './engine/atomics-op.js';

let executor: Executor | null = null;

/** Makes an executor the one that transformed code reports to; null for none. Returns the one before. */
export function setExecutor(next: Executor | null): Executor | null {
  const before = executor;
  executor = next;
  return before;
}

/** The executor whose execution is under way. */
export function runningExecutor(): Executor {
  if (executor === null) throw new Error('the twin of a transformed function runs outside of an execution');
  return executor;
}

// Twins.

export function rd(view: unknown, key: unknown, site: number): boolean {
  return runningExecutor().read(view, key, MODE_PLAIN, site);
}

export function wr(view: unknown, key: unknown, value: unknown, site: number): boolean {
  return runningExecutor().write(view, key, value, MODE_PLAIN, site);
}

/** {@link rd} of a deliberate race. */
export function rdMarked(view: unknown, key: unknown, site: number): boolean {
  return runningExecutor().read(view, key, MODE_MARKED, site);
}

/** {@link wr} of a deliberate race. */
export function wrMarked(view: unknown, key: unknown, value: unknown, site: number): boolean {
  return runningExecutor().write(view, key, value, MODE_MARKED, site);
}

export function at(op: number, view: unknown, index: unknown, a: unknown, b: unknown, site: number): boolean {
  return runningExecutor().atomic(op, view, index, a, b, site);
}

export function wt(view: unknown, index: unknown, value: unknown, timeout: unknown, site: number): boolean {
  return runningExecutor().wait(view, index, value, timeout, false, site);
}

export function wa(view: unknown, index: unknown, value: unknown, timeout: unknown, site: number): boolean {
  return runningExecutor().wait(view, index, value, timeout, true, site);
}

export function waResult(): AsyncWait {
  return runningExecutor().waitedAsync();
}

export function wtEnd(): boolean {
  return runningExecutor().waitEnd();
}

export function wtResult(): WaitResult {
  return runningExecutor().current?.result ?? 'ok';
}

export function nt(view: unknown, index: unknown, count: unknown, site: number): boolean {
  return runningExecutor().notify(view, index, count, site);
}

export function ntResult(): number {
  return runningExecutor().current?.woken ?? 0;
}

export function mth(receiver: unknown, name: string, args: readonly unknown[], site: number): boolean {
  const x = runningExecutor();
  if (isPiecemeal(receiver, name)) {
    x.hiddenView(receiver, site);
    return x.isOver();
  }
  const reach = reachOf(x.memory, receiver, name, args);
  return reach === undefined ? false : x.range(reach, site);
}

/** Before a loop. */
export function enter(id: number): void {
  runningExecutor().enterLoop(id);
}

export function loop(id: number, kind: number): boolean {
  return runningExecutor().loop(id, kind);
}

// Plain functions.

export function srd(view: unknown, key: unknown, site: number): void {
  executor?.syncRead(view, key, site);
}

export function swr(view: unknown, key: unknown, value: unknown, site: number): void {
  executor?.syncWrite(view, key, value, site);
}

export function sat(op: number, view: unknown, index: unknown, a: unknown, b: unknown, site: number): void {
  executor?.syncAtomic(op, view, index, a, b, site);
}

export function smth(receiver: unknown, name: string, args: readonly unknown[], site: number): void {
  if (executor === null) return;
  if (isPiecemeal(receiver, name)) executor.hiddenView(receiver, site);
  const reach: Reach | undefined = reachOf(executor.memory, receiver, name, args);
  if (reach !== undefined) executor.syncRange(reach, site);
}

/** `Atomics.wait` where nobody else can run: it must not have to sleep. */
export function swt(
  view: Int32Array,
  index: number,
  value: number,
  timeout: number | undefined,
  site: number,
): string {
  if (executor === null) return Atomics.wait(view, index, value, timeout);
  executor.hidden('wait', site);
  if (Atomics.load(view, index) !== value) return 'not-equal';
  if (timeout !== undefined && timeout < Infinity) return 'timed-out';
  throw new Error('Atomics.wait in setup, invariant or final: nobody could wake it');
}

/** `Atomics.waitAsync` where nobody else can run. */
export function swa(
  view: Int32Array,
  index: number,
  value: number,
  timeout: number | undefined,
  site: number,
): unknown {
  if (executor === null) return Atomics.waitAsync(view, index, value, timeout);
  executor.hidden('waitAsync', site);
  return { async: false, value: Atomics.load(view, index) === value ? 'timed-out' : 'not-equal' };
}

export function snt(view: Int32Array, index: number, count: number | undefined, site: number): number {
  if (executor === null) return Atomics.notify(view, index, count);
  executor.hidden('notify', site);
  return 0;
}

// Both.

/** Something is iterated, or handed to native code as a whole. */
export function iter<Value>(value: Value, site: number): Value {
  const isRunning = (executor?.current ?? null) !== null;
  if (isRunning && ArrayBuffer.isView(value)) executor?.hiddenView(value, site);
  return value;
}

import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Keeps a thread from being ended while it requires an ES module: Node aborts the whole process then (tried with 20, 24
 * and 26). It does not when the thread is in an `import()`, so what can wait for its module imports it. A thread's gate is
 * a word of its own, which the thread and the host change by compare-exchange only.
 */
export type LoadGate = Int32Array;

/** The thread loads nothing, and may begin to. */
const OPEN = 0;
const LOADING = 1;
/** The thread is about to be ended, and loads nothing any more. */
const CLOSED = 2;

/** How long a module may take to load, on a busy host, before its thread is ended all the same. Milliseconds. */
const LOAD_LIMIT_MS = 60_000;

/** The gate of a thread that does not run yet: first it loads the kernel. */
export function makeLoadGate(): LoadGate {
  return new Int32Array(new SharedArrayBuffer(4)).fill(LOADING);
}

/** The calling thread has loaded what it was loading. */
export function endLoad(gate: LoadGate): void {
  Atomics.compareExchange(gate, 0, LOADING, OPEN);
}

/** Loads something on the calling thread; does not return when that is to be ended. */
export function loadInside<Value>(gate: LoadGate, load: () => Value): Value {
  let before = Atomics.compareExchange(gate, 0, OPEN, LOADING);
  for (; before === CLOSED; before = Atomics.compareExchange(gate, 0, OPEN, LOADING))
    Atomics.wait(gate, 0, CLOSED);
  try {
    return load();
  } finally {
    // A load inside another one leaves the gate to that.
    if (before === OPEN) endLoad(gate);
  }
}

/**
 * Resolves when a thread may be ended: it loads nothing, and will not begin to.
 *
 * @param ended settles when the thread has ended by itself
 */
export async function closeLoadGate(gate: LoadGate, ended: Promise<unknown>): Promise<void> {
  const limit = performance.now() + LOAD_LIMIT_MS;
  const over = ended.then(
    () => true,
    () => true,
  );
  while (Atomics.compareExchange(gate, 0, OPEN, CLOSED) === LOADING && performance.now() < limit)
    if (await Promise.race([over, sleep(1)])) return;
}

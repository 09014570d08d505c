import { scenario, type MemoryScenario } from '../scenario.js';
import { expectValue } from './expect-value.js';
import { threads } from './threads.js';

/**
 * Programs of which is known how many executions they have: executions that differ in what some load reads or in the
 * order of the stores to a word. `dpor` explores each of them once.
 */
export interface Litmus {
  readonly scenario: MemoryScenario;
  readonly executions: number;
}

const X = 0;
const Y = 1;

/** `n` threads add to one word: each order is an execution of its own, n! of them. */
export function adders(n: number): MemoryScenario {
  return scenario({
    name: `litmus: ${n} threads add to a word`,
    memory: 64,
    threads: threads(n, () => (m) => {
      Atomics.add(m.i32, X, 1);
    }),
    final: (m) => expectValue('the sum', m.i32[X], n),
  });
}

/** `n` threads load a word, then store to it: n! orders of the stores, and n! choices of what is loaded. */
export function loadersAndStorers(n: number): MemoryScenario {
  return scenario({
    name: `litmus: ${n} threads load a word and store to it`,
    memory: 64,
    threads: threads(n, () => (m) => {
      const value = Atomics.load(m.i32, X);
      Atomics.store(m.i32, X, value + 1);
    }),
  });
}

/** `n` threads want to be the first: what counts is who is, the others read the same. */
export function oneWinner(n: number): MemoryScenario {
  return scenario({
    name: `litmus: ${n} threads compareExchange(0, i)`,
    memory: 64,
    threads: threads(n, (me) => (m) => {
      Atomics.compareExchange(m.i32, X, 0, me + 1);
    }),
  });
}

/** Thread i moves a word from i to i + 1: those that come in their order succeed, the others read. */
export function stairs(n: number): MemoryScenario {
  return scenario({
    name: `litmus: ${n} threads compareExchange(i, i + 1)`,
    memory: 64,
    threads: threads(n, (me) => (m) => {
      Atomics.compareExchange(m.i32, X, me, me + 1);
    }),
  });
}

/** Each of two threads stores one word, then loads the other's. Not both can miss. */
export function storeBuffering(): MemoryScenario {
  return scenario({
    name: 'litmus: store buffering',
    memory: 64,
    threads: [
      (m) => {
        Atomics.store(m.i32, X, 1);
        Atomics.load(m.i32, Y);
      },
      (m) => {
        Atomics.store(m.i32, Y, 1);
        Atomics.load(m.i32, X);
      },
    ],
  });
}

/** One thread stores a message, then a flag; the other loads the flag, then the message. */
export function messagePassing(): MemoryScenario {
  return scenario({
    name: 'litmus: message passing',
    memory: 64,
    threads: [
      (m) => {
        Atomics.store(m.i32, X, 1);
        Atomics.store(m.i32, Y, 1);
      },
      (m) => {
        const flag = Atomics.load(m.i32, Y);
        const message = Atomics.load(m.i32, X);
        if (flag === 1) expectValue('the message', message, 1);
      },
    ],
  });
}

/** Each of two threads loads one word, then stores the other. Not both can see. */
export function loadBuffering(): MemoryScenario {
  return scenario({
    name: 'litmus: load buffering',
    memory: 64,
    threads: [
      (m) => {
        Atomics.load(m.i32, X);
        Atomics.store(m.i32, Y, 1);
      },
      (m) => {
        Atomics.load(m.i32, Y);
        Atomics.store(m.i32, X, 1);
      },
    ],
  });
}

/** Independent reads of independent writes: two readers never disagree about which store came first. */
export function independentReads(): MemoryScenario {
  return scenario({
    name: 'litmus: independent reads of independent writes',
    memory: 64,
    threads: [
      (m) => {
        Atomics.store(m.i32, X, 1);
      },
      (m) => {
        Atomics.store(m.i32, Y, 1);
      },
      (m) => {
        Atomics.load(m.i32, X);
        Atomics.load(m.i32, Y);
      },
      (m) => {
        Atomics.load(m.i32, Y);
        Atomics.load(m.i32, X);
      },
    ],
  });
}

export const LITMUS: readonly Litmus[] = [
  { scenario: adders(2), executions: 2 },
  { scenario: adders(3), executions: 6 },
  { scenario: adders(4), executions: 24 },
  { scenario: adders(5), executions: 120 },
  { scenario: adders(6), executions: 720 },
  { scenario: loadersAndStorers(2), executions: 4 },
  { scenario: loadersAndStorers(3), executions: 36 },
  { scenario: loadersAndStorers(4), executions: 576 },
  { scenario: oneWinner(2), executions: 2 },
  { scenario: oneWinner(3), executions: 3 },
  { scenario: oneWinner(4), executions: 4 },
  { scenario: oneWinner(5), executions: 5 },
  { scenario: oneWinner(6), executions: 6 },
  { scenario: stairs(2), executions: 2 },
  { scenario: stairs(3), executions: 5 },
  { scenario: stairs(4), executions: 14 },
  { scenario: stairs(5), executions: 43 },
  { scenario: stairs(6), executions: 144 },
  { scenario: storeBuffering(), executions: 3 },
  { scenario: messagePassing(), executions: 3 },
  { scenario: loadBuffering(), executions: 3 },
  { scenario: independentReads(), executions: 15 },
];

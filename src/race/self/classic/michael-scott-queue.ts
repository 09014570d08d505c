import { scenario, type MemoryScenario, type SharedMemory } from '../../scenario.js';
import { withMutants, type WrongLines } from '../with-mutants.js';
import { queueModel } from './models.js';

const WRONG = {
  'links without comparing': ['linearizability'],
  'takes without comparing': ['linearizability'],
  'gives up after one try': ['linearizability'],
  'writes the value too late': ['race'],
  'links plainly': ['race'],
} satisfies WrongLines;

type Line = 'right' | keyof typeof WRONG;

/** The node before the first one: its value was taken already. */
const HEAD = 0;
/** The last node, or the one before it. */
const TAIL = 1;
/** Nodes are pairs of words: the next one, 0 for none, and the value. */
const NEXT = 0;
const VALUE = 1;
const FIRST_NODE = 2;
const NODE_WORDS = 2;

/** Appends `node` to `last`, if that still is the last one. */
function append(m: SharedMemory, last: number, node: number, line: Line): boolean {
  if (line === 'links plainly') m.i32[last + NEXT] = node;
  else if (line === 'links without comparing') Atomics.store(m.i32, last + NEXT, node);
  else return Atomics.compareExchange(m.i32, last + NEXT, 0, node) === 0;
  return true;
}

function enqueue(m: SharedMemory, node: number, value: number, line: Line): void {
  if (line !== 'writes the value too late') m.i32[node + VALUE] = value;
  while (true) {
    const last = Atomics.load(m.i32, TAIL);
    const next = Atomics.load(m.i32, last + NEXT);
    if (next !== 0) {
      Atomics.compareExchange(m.i32, TAIL, last, next);
    } else if (append(m, last, node, line)) {
      Atomics.compareExchange(m.i32, TAIL, last, node);
      break;
    }
    if (line === 'gives up after one try') break;
  }
  if (line === 'writes the value too late') m.i32[node + VALUE] = value;
}

/** Makes `first` the node before the first one, if `head` still is. */
function replaceHead(m: SharedMemory, head: number, first: number, line: Line): boolean {
  if (line !== 'takes without comparing') return Atomics.compareExchange(m.i32, HEAD, head, first) === head;
  Atomics.store(m.i32, HEAD, first);
  return true;
}

/** @returns the value at the front; 0 if there is none */
function dequeue(m: SharedMemory, line: Line): number {
  while (true) {
    const head = Atomics.load(m.i32, HEAD);
    const tail = Atomics.load(m.i32, TAIL);
    const first = Atomics.load(m.i32, head + NEXT);
    if (first === 0) return 0;
    if (head === tail) {
      Atomics.compareExchange(m.i32, TAIL, tail, first);
      continue;
    }
    const value = m.i32[first + VALUE];
    if (replaceHead(m, head, first, line)) return value;
  }
}

/** The queue of Michael and Scott: who finds the tail behind helps it on. Nodes are used once. */
function michaelScottQueue(line: Line): MemoryScenario {
  return scenario({
    name: `Michael-Scott queue: ${line}`,
    memory: 64,
    model: queueModel(),
    setup(m) {
      m.i32[HEAD] = FIRST_NODE;
      m.i32[TAIL] = FIRST_NODE;
    },
    threads: [
      (m) => {
        const node = FIRST_NODE + NODE_WORDS;
        m.call('enqueue', 1, () => enqueue(m, node, 1, line));
        m.call('dequeue', undefined, () => dequeue(m, line));
      },
      (m) => {
        const node = FIRST_NODE + 2 * NODE_WORDS;
        m.call('enqueue', 2, () => enqueue(m, node, 2, line));
        m.call('dequeue', undefined, () => dequeue(m, line));
      },
    ],
  });
}

export const MICHAEL_SCOTT_QUEUE = withMutants(michaelScottQueue, WRONG);

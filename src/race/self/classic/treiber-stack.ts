import { scenario, type MemoryScenario, type SharedMemory } from '../../scenario.js';
import { withMutants, type WrongLines } from '../with-mutants.js';
import { stackModel } from './models.js';

const WRONG = {
  // A node that was popped and pushed again looks as if nothing had happened: ABA.
  'has no tag': ['linearizability'],
  'does not compare': ['linearizability'],
  'links too late': ['linearizability'],
  'links plainly': ['race'],
} satisfies WrongLines;

type Line = 'right' | keyof typeof WRONG;

/** The node on top, and in the higher bits a tag that tells each change from all before it. */
const TOP = 0;
/** A node is a word: the number of the next one, 0 for none. */
const NODE_BITS = 8;
const NODE_MASK = (1 << NODE_BITS) - 1;

/** Makes `node` the top, if `top` is what it was. */
function replaceTop(m: SharedMemory, top: number, node: number, line: Line): boolean {
  const tag = line === 'has no tag' ? 0 : (top >> NODE_BITS) + 1;
  const replacement = (tag << NODE_BITS) | node;
  if (line !== 'does not compare') return Atomics.compareExchange(m.i32, TOP, top, replacement) === top;
  Atomics.store(m.i32, TOP, replacement);
  return true;
}

function link(m: SharedMemory, node: number, next: number, line: Line): void {
  if (line === 'links plainly') m.i32[node] = next;
  else Atomics.store(m.i32, node, next);
}

function push(m: SharedMemory, node: number, line: Line): void {
  let top;
  do {
    top = Atomics.load(m.i32, TOP);
    if (line !== 'links too late') link(m, node, top & NODE_MASK, line);
  } while (!replaceTop(m, top, node, line));
  if (line === 'links too late') link(m, node, top & NODE_MASK, line);
}

/** @returns the node that was on top; 0 if there was none */
function pop(m: SharedMemory, line: Line): number {
  while (true) {
    const top = Atomics.load(m.i32, TOP);
    const node = top & NODE_MASK;
    if (node === 0) return 0;
    const next = Atomics.load(m.i32, node);
    if (replaceTop(m, top, next, line)) return node;
  }
}

/** Treiber's stack: push and pop replace the top by compareExchange. Nodes are used again. */
function treiberStack(line: Line): MemoryScenario {
  return scenario({
    name: `Treiber stack: ${line}`,
    memory: 64,
    model: stackModel([2, 1]),
    setup(m) {
      m.i32[TOP] = 1;
      m.i32[1] = 2;
    },
    threads: [
      (m) => {
        m.call('pop', undefined, () => pop(m, line));
      },
      (m) => {
        const first = m.call('pop', undefined, () => pop(m, line));
        m.call('pop', undefined, () => pop(m, line));
        if (first !== 0) m.call('push', first, () => push(m, first, line));
        m.call('pop', undefined, () => pop(m, line));
      },
    ],
  });
}

export const TREIBER_STACK = withMutants(treiberStack, WRONG);

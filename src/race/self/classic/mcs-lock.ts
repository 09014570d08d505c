import { scenario, type MemoryScenario, type SharedMemory } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { EXCLUSION_BROKEN, STUCK } from '../self-check.js';
import { threads } from '../threads.js';
import { withMutants, type WrongLines } from '../with-mutants.js';

const WRONG = {
  'leaves without looking for who comes': STUCK,
  'waits for no link': STUCK,
  'locks itself too late': STUCK,
  'waits for nobody': EXCLUSION_BROKEN,
  'keeps its old link': STUCK,
} satisfies WrongLines;

type Line = 'right' | keyof typeof WRONG;

const THREADS = 3;
const ROUNDS = 2;

/** A node for each thread: who comes next, and whether the thread has to wait. The first place is nobody's. */
const NEXT = 0;
const LOCKED = 1;
const NODE_WORDS = 2;
/** The node of the thread that came last; 0 for none. */
const TAIL = 8;
const COUNT = 9;

function enter(m: SharedMemory, node: number, line: Line): void {
  if (line !== 'keeps its old link') Atomics.store(m.i32, node + NEXT, 0);
  if (line !== 'locks itself too late') Atomics.store(m.i32, node + LOCKED, 1);
  const before = Atomics.exchange(m.i32, TAIL, node);
  if (before === 0) return;
  Atomics.store(m.i32, before + NEXT, node);
  if (line === 'locks itself too late') Atomics.store(m.i32, node + LOCKED, 1);
  while (line !== 'waits for nobody' && Atomics.load(m.i32, node + LOCKED) === 1) {
    // The thread before unlocks this node.
  }
}

/** Takes the node out if it is the last one. */
function takeOut(m: SharedMemory, node: number, line: Line): boolean {
  if (line !== 'leaves without looking for who comes') {
    return Atomics.compareExchange(m.i32, TAIL, node, 0) === node;
  }
  Atomics.store(m.i32, TAIL, 0);
  return true;
}

function leave(m: SharedMemory, node: number, line: Line): void {
  if (Atomics.load(m.i32, node + NEXT) === 0) {
    if (takeOut(m, node, line)) return;
    while (line !== 'waits for no link' && Atomics.load(m.i32, node + NEXT) === 0) {
      // Somebody has come and is about to link its node to this one.
    }
  }
  Atomics.store(m.i32, Atomics.load(m.i32, node + NEXT) + LOCKED, 0);
}

/** The lock of Mellor-Crummey and Scott: a queue in which each thread spins on a word of its own. */
function mcsLock(line: Line): MemoryScenario {
  return scenario({
    name: `MCS lock: ${line}`,
    memory: 64,
    threads: threads(THREADS, (me) => (m) => {
      const node = (me + 1) * NODE_WORDS;
      // The first thread comes back, with a node that it has used.
      const rounds = me === 0 ? ROUNDS : 1;
      for (let round = 0; round < rounds; round++) {
        enter(m, node, line);
        m.i32[COUNT]++;
        leave(m, node, line);
      }
    }),
    final: (m) => expectValue('the count', m.i32[COUNT], THREADS + ROUNDS - 1),
  });
}

export const MCS_LOCK = withMutants(mcsLock, WRONG);

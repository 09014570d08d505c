import { scenario, type MemoryScenario, type SharedMemory } from '../../scenario.js';

const LOCK = 0;
const HEAD = 1;
const FREE = 2;
/** Nodes begin here; the first word of a node is the next one, the others are its owner's. */
const FIRST_NODE = 16;
const NODE_WORDS = 4;
const NODES = 8;
const BYTES = (FIRST_NODE + NODES * NODE_WORDS) * Int32Array.BYTES_PER_ELEMENT;

function pop(m: SharedMemory): number {
  m.lock(LOCK);
  const node = m.i32[HEAD];
  m.i32[HEAD] = m.i32[node];
  m.i32[FREE]--;
  m.unlock(LOCK);
  return node;
}

function push(m: SharedMemory, node: number): void {
  m.lock(LOCK);
  m.i32[node] = m.i32[HEAD];
  m.i32[HEAD] = node;
  m.i32[FREE]++;
  m.unlock(LOCK);
}

/** A thread that takes a node, uses it and gives it back: {@link ROUND_ACCESSES} accesses a round. */
function user(rounds: number): (m: SharedMemory) => void {
  return (m) => {
    for (let round = 0; round < rounds; round++) {
      const node = pop(m);
      m.i32[node + 1]++;
      m.i32[node + 2]++;
      push(m, node);
    }
  };
}

/** What a round of a thread costs. */
export const ROUND_ACCESSES = 18;

function freeList(name: string, rounds: readonly number[], ignore: MemoryScenario['ignore']): MemoryScenario {
  return scenario({
    name,
    memory: BYTES,
    ignore: ignore ?? [],
    setup(m) {
      m.i32[FREE] = NODES;
      for (let i = 0; i < NODES; i++) {
        const node = FIRST_NODE + i * NODE_WORDS;
        m.i32[node] = m.i32[HEAD];
        m.i32[HEAD] = node;
      }
    },
    threads: rounds.map(user),
    final(m) {
      if (m.i32[FREE] !== NODES) throw new Error(`${m.i32[FREE]} nodes are free, not ${NODES}`);
    },
  });
}

/** A free list under a lock, used by three threads: what a kernel does, and 540 or 198 accesses an execution. */
export const WITHOUT_DETECTION = freeList('free list, no race detection', [10, 10, 10], ['race']);
export const WITH_DETECTION = freeList('free list', [10, 10, 10], []);
export const SHORT = freeList('short free list', [4, 4, 3], []);

export default [WITHOUT_DETECTION, WITH_DETECTION, SHORT];

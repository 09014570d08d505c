import { scenario, type MemoryScenario, type SharedMemory } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { EXCLUSION_BROKEN, STUCK } from '../self-check.js';
import { threads } from '../threads.js';
import { withMutants, type WrongLines } from '../with-mutants.js';

const WRONG = {
  'draws in two steps': EXCLUSION_BROKEN,
  'goes in one ticket early': EXCLUSION_BROKEN,
  'calls two at once': EXCLUSION_BROKEN,
  'calls nobody': STUCK,
  'calls the next one plainly': ['race'],
} satisfies WrongLines;

type Line = 'right' | keyof typeof WRONG;

/** The ticket that is drawn next. */
const NEXT = 0;
/** The ticket whose owner may go in. */
const SERVING = 1;
const COUNT = 2;

const THREADS = 3;

function draw(m: SharedMemory, line: Line): number {
  if (line !== 'draws in two steps') return Atomics.add(m.i32, NEXT, 1);
  const ticket = Atomics.load(m.i32, NEXT);
  Atomics.store(m.i32, NEXT, ticket + 1);
  return ticket;
}

function enter(m: SharedMemory, line: Line): number {
  const ticket = draw(m, line);
  const called = line === 'goes in one ticket early' ? ticket - 1 : ticket;
  while (Atomics.load(m.i32, SERVING) < called) m.cpu_relax(SERVING);
  return ticket;
}

function leave(m: SharedMemory, ticket: number, line: Line): void {
  const next = ticket + (line === 'calls two at once' ? 2 : 1);
  if (line === 'calls nobody') return;
  if (line === 'calls the next one plainly') m.i32[SERVING] = next;
  else Atomics.store(m.i32, SERVING, next);
}

/** The lock of a shop counter: draw a ticket, wait until it is called. */
function ticketLock(line: Line): MemoryScenario {
  return scenario({
    name: `ticket lock: ${line}`,
    memory: 64,
    threads: threads(THREADS, () => (m) => {
      const ticket = enter(m, line);
      m.i32[COUNT]++;
      leave(m, ticket, line);
    }),
    final: (m) => expectValue('the count', m.i32[COUNT], THREADS),
  });
}

export const TICKET_LOCK = withMutants(ticketLock, WRONG);

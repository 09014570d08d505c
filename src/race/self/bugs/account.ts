import { scenario, type SharedMemory } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import type { KnownBug } from '../self-check.js';

/** For each of two accounts, a lock and a balance. */
const LOCK = 0;
const BALANCE = 2;

const MONEY = 100;

/** Moves money with the lock of the paying account alone: nobody keeps others off the account that is paid. */
function transfer(m: SharedMemory, from: number, to: number, amount: number): void {
  m.lock(LOCK + from);
  m.i32[BALANCE + from] -= amount;
  m.i32[BALANCE + to] += amount;
  m.unlock(LOCK + from);
}

/** After the account program of the IBM benchmark of concurrent bugs: money is lost between two transfers. */
export const ACCOUNT: KnownBug = {
  name: 'account',
  scenario: scenario({
    name: 'bug: account',
    memory: 64,
    setup(m) {
      m.i32[BALANCE] = MONEY;
      m.i32[BALANCE + 1] = MONEY;
    },
    threads: [(m) => transfer(m, 0, 1, 10), (m) => transfer(m, 1, 0, 20)],
    final: (m) => expectValue('the money', m.i32[BALANCE] + m.i32[BALANCE + 1], 2 * MONEY),
  }),
  kinds: ['race', 'assertion'],
};

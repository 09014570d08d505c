import { expect, test } from 'vitest';
import { DEBUG_LOCKS } from '../../../src/kernel/core/kernel-data.js';
import { LOCK_OWNER_MASK } from '../../../src/kernel/core/lock-word.js';
import { killHammer, runHammer, WRITE_EVERY, type HammeredLock } from '../../support/hammer.js';

/** Real threads, one lock: exact sums and no torn pairs. */

const TOTAL = 240_000;

const cases = (['spin', 'write', 'rw', 'seq'] satisfies HammeredLock[]).flatMap((lock) =>
  [2, 4, 8].map((threads) => ({ lock, threads })),
);

test.each(cases)('$lock by $threads threads', async ({ lock, threads }) => {
  const rounds = TOTAL / threads;
  const result = await runHammer(lock, threads, rounds);
  const writes = lock === 'rw' || lock === 'seq' ? Math.ceil(rounds / WRITE_EVERY) : rounds;
  expect(result.first).toBe(writes * threads);
  expect(result.second).toBe(writes * threads);
  expect(result.torn).toBe(0);
  if (lock !== 'seq') expect(result.word).toBe(0);
});

test('with the lock debugging on', async () => {
  const rounds = 2000;
  const result = await runHammer('spin', 4, rounds, { debug: DEBUG_LOCKS });
  expect(result.first).toBe(4 * rounds);
});

/** Deaths of each kind: where a thread dies is chance. */
const DEATHS = 12;

test.each(['spin', 'write', 'rw'] satisfies HammeredLock[])(
  'the death of a thread under %s is told truly',
  async (lock) => {
    for (let i = 0; i < DEATHS; i++) {
      const { held, word, errors } = await killHammer(lock, 20_000, 1 + (i % 4));
      if (held) {
        // Nobody waits for ever: the others have stopped. An owner's word still names it; of a reader's death in the
        // very moment of its unlock only the list tells.
        for (const error of errors) expect(error).toMatch(/CPU#[12] stopped: the kernel has panicked/);
        if (lock !== 'rw') expect(word & LOCK_OWNER_MASK).toBe(1);
      } else {
        expect(errors).toEqual([]);
        expect(word).toBe(0);
      }
    }
  },
);

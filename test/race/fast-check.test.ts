import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explore } from '../../dist/src/race/explore.js';
import { allocatorPrograms, allocatorScenario } from '../../dist/src/race/fast-check.js';

/** A kernel in which a CPU forgets the lock of a zone while it takes pages from it. */
const UNLOCKED = [
  {
    file: 'kernel/mm/page-sets',
    find: 'const pfn = __rmqueue(k, zone, 0, type);',
    replace:
      'spin_unlock(k, zone + LOCK); const pfn = __rmqueue(k, zone, 0, type); spin_lock(k, zone + LOCK);',
  },
];

describe('programs for the page allocator', () => {
  test('none loses a page, or hands one out twice', async () => {
    await fc.assert(
      fc.asyncProperty(allocatorPrograms(), async (program) => {
        const result = await explore(await allocatorScenario(program), { executions: 30, strategy: 'pct:3' });
        expect(result.message).toBeUndefined();
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  test('a mutant fails, with a small program and a small schedule', async () => {
    let last = { operations: Infinity, switches: Infinity };
    const failure = await fc.check(
      fc.asyncProperty(allocatorPrograms({ cpus: 2 }), async (program) => {
        const result = await explore(await allocatorScenario(program, UNLOCKED), {
          executions: 40,
          strategy: 'pct:2',
        });
        if (result.verdict === 'pass') return;
        const threads = result.trace?.events.map(({ thread }) => thread) ?? [];
        last = {
          operations: program.flat().length,
          switches: threads.filter((thread, i) => i > 0 && thread !== threads[i - 1]).length,
        };
        throw new Error(result.message);
      }),
      { numRuns: 50, seed: 3 },
    );
    expect(failure.failed).toBe(true);
    // Two CPUs that take and give back a few pages.
    expect(last.operations).toBeLessThanOrEqual(3);
    expect(last.switches).toBeLessThanOrEqual(2);
  });
});

import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import type * as poolModule from '../../../src/race/campaign/explore-pool.js';
import type * as jobModule from '../../../src/race/campaign/explore-job.js';

/** Built modules: their threads are loaded by Node itself. */
const built = (name: string): string =>
  new URL(`../../../dist/src/race/campaign/${name}.js`, import.meta.url).href;
const { ExplorePool } = (await import(built('explore-pool'))) as typeof poolModule;
const { exploreJob, listScenarios } = (await import(built('explore-job'))) as typeof jobModule;

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/race/${name}`, import.meta.url));
const CRASH = fixture('crash.ts');

let pool: poolModule.ExplorePool | undefined;
afterEach(async () => {
  await pool?.close();
});

function crashOf(scenario: string): Promise<string | undefined> {
  pool ??= new ExplorePool(1, 3000);
  return exploreJob(pool, { file: CRASH, scenario, options: {} }, 1).then(({ crash }) => crash);
}

it('reports scenarios that never end, end the process or throw', async () => {
  pool = new ExplorePool(1, 3000);
  expect(await listScenarios(pool, CRASH)).toEqual(['loops', 'exits', 'throws', 'prints']);
  expect(await crashOf('loops')).toContain(
    `scenario 'loops' of ${CRASH}: nothing has happened for 3 seconds`,
  );
  expect(await crashOf('exits')).toContain(`scenario 'exits' of ${CRASH}: its thread has ended`);
  expect(await crashOf('throws')).toMatch(/scenario 'throws' of .*: no setup, at .*crash\.ts:\d+/);
});

it('ends the work of the other threads when one has found something', async () => {
  pool = new ExplorePool(2);
  // Without that it would be an hour.
  const options = { seconds: 3600, strategy: 'random' };
  const { result, trace } = await exploreJob(
    pool,
    { file: fixture('race.mjs'), scenario: 'two writers', options },
    2,
  );
  expect(result).toMatchObject({ verdict: 'fail', kind: 'race' });
  expect(trace?.failure.kind).toBe('race');
});

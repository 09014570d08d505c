import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type * as loadModule from '../../src/race/campaign/load-scenarios.js';
import type { FailureKind } from '../../src/race/engine/failure.js';
import type * as exploreModule from '../../src/race/explore.js';
import '../../src/race/vitest.js';

/** Built modules: scenarios are loaded by Node itself. */
const built = (name: string): string => new URL(`../../dist/src/race/${name}.js`, import.meta.url).href;
const { loadScenarios } = (await import(built('campaign/load-scenarios'))) as typeof loadModule;
const { explore } = (await import(built('explore'))) as typeof exploreModule;

const file = fileURLToPath(new URL('../fixtures/race/adders.ts', import.meta.url));
const [wrong, right] = await loadScenarios(file);

it('tells passes from failures', async () => {
  expect(await explore(right)).toPass();
  const failed = await explore(wrong);
  expect(failed).not.toPass();
  expect(failed).toFailWith('assertion');
  expect(failed).toFailWith('race', 'assertion');
  expect(failed).not.toFailWith('race');
});

it('shows the report when it is not what was expected', async () => {
  const failed = await explore(wrong);
  const replay = `await explore(scenario, { replay: '${failed.token ?? ''}' })`;
  expect(() => expect(failed).toPass()).toThrow(replay);
  expect(() => expect(failed).toFailWith('race')).toThrow(
    /^expected: race\n\nassertion: .*the sum is 1, not 2/,
  );
  const passed = await explore(right);
  expect(() => expect(passed).toFailWith('race', 'deadlock')).toThrow(
    /^expected: race or deadlock\n\npass {2}adders: right .*\(complete\)/,
  );
});

it('says how it is to be used', () => {
  expect(() => expect(explore(right)).toPass()).toThrow('what `await explore(scenario)` gives');
  expect(() => expect({ verdict: 'pass' }).toFailWith('rase' as FailureKind)).toThrow(
    "toFailWith('rase'): kinds",
  );
});

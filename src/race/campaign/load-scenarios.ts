import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { RaceUsageError } from '../race-error.js';
import type { Scenario } from '../scenario.js';
import { loadInstrumented } from '../transform/load.js';
import { checkScenario } from './check-scenario.js';

/**
 * Loads the scenarios of a file in the form that can be explored: its default export, which is one or an array of them.
 *
 * @param file path, or URL
 * @throws RaceUsageError when the file cannot be loaded, or exports something else
 */
export async function loadScenarios(file: string | URL): Promise<Scenario[]> {
  const url = file instanceof URL ? file : pathToFileURL(resolve(file));
  const shown = file instanceof URL ? fileURLToPath(file) : file;
  const exported = await defaultExport(url, shown);
  if (exported === undefined) {
    throw new RaceUsageError(
      `${shown} has no default export, it must be a scenario or an array of scenarios`,
    );
  }
  if (!Array.isArray(exported)) return [checkScenario(exported, shown)];
  if (exported.length === 0) throw new RaceUsageError(`${shown} exports an empty array of scenarios`);
  const scenarios = exported.map((value, i) => checkScenario(value, `${shown}, element ${i}`));
  checkNames(scenarios, shown);
  return scenarios;
}

async function defaultExport(url: URL, shown: string): Promise<unknown> {
  try {
    const { default: exported } = (await loadInstrumented(url)) as { readonly default?: unknown };
    return exported;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new RaceUsageError(`${shown} cannot be loaded: ${message}`, { cause: error });
  }
}

/** A scenario is chosen, and its tokens are told from others, by its name. */
function checkNames(scenarios: readonly Scenario[], shown: string): void {
  const names = new Set<string>();
  for (const { name } of scenarios) {
    if (names.has(name)) throw new RaceUsageError(`${shown} has two scenarios of the name '${name}'`);
    names.add(name);
  }
}

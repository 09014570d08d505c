import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { RaceUsageError } from '../race-error.js';
import type { Scenario, SourcePatch } from '../scenario.js';
import { loadInstrumented } from '../transform/load.js';
import { checkScenario } from './check-scenario.js';

/**
 * Loads the scenarios of a file in the form that can be explored: its default export, which is one or an array of them.
 *
 * @param file path, or URL
 * @param patches changes of gfp's source that the file and what it imports see
 * @throws RaceUsageError when the file cannot be loaded, or exports something else
 */
export async function loadScenarios(
  file: string | URL,
  patches: readonly SourcePatch[] = [],
): Promise<Scenario[]> {
  const url = file instanceof URL ? file : pathToFileURL(resolve(file));
  const shown = file instanceof URL ? fileURLToPath(file) : file;
  const exported = await defaultExport(url, shown, patches);
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

/**
 * A scenario of a file, loaded with its own patches: what the file imports from the kernel is then the mutant's as well.
 *
 * @throws RaceUsageError when the file has no scenario of that name
 */
export async function loadScenario(file: string | URL, name: string): Promise<Scenario> {
  const found = named(await loadScenarios(file), file, name);
  const patches = ('patches' in found ? found.patches : undefined) ?? [];
  return patches.length === 0 ? found : named(await loadScenarios(file, patches), file, name);
}

function named(scenarios: readonly Scenario[], file: string | URL, name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found === undefined) throw new RaceUsageError(`${String(file)} has no scenario '${name}'`);
  return found;
}

async function defaultExport(url: URL, shown: string, patches: readonly SourcePatch[]): Promise<unknown> {
  try {
    const { default: exported } = (await loadInstrumented(url, patches)) as { readonly default?: unknown };
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

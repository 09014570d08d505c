import { statSync } from 'node:fs';
import { extname } from 'node:path';
import { listScenarios } from '../../race/campaign/explore-job.js';
import type { ExplorePool } from '../../race/campaign/explore-pool.js';
import { SELF_CHECKS, SELF_FILE } from '../../race/campaign/self-suite.js';
import { decodeToken, scenarioHash } from '../../race/report/token.js';
import { UsageError } from '../output.js';
import { checkCommand } from '../render-check.js';

/** What Node can load as an ES module once its types are removed. */
const EXTENSIONS = ['.js', '.mjs', '.ts', '.mts'];

/** A scenario that was chosen. */
export interface Selected {
  /** Where threads load it from. */
  readonly file: string;
  readonly scenario: string;
  /** The command that explores it and no other. */
  readonly command: string;
}

/** Which of the scenarios are meant. */
export interface Selection {
  readonly scenario?: string | undefined;
  /** A token says whose it is. */
  readonly replay?: string | undefined;
}

/**
 * The scenarios of the files that are meant, in order.
 *
 * @throws UsageError when there are none, or too many for a token
 * @throws RaceUsageError when a file is wrong
 */
export async function selectScenarios(
  pool: ExplorePool,
  files: readonly string[],
  selection: Selection,
): Promise<Selected[]> {
  for (const file of files) checkFile(file);
  const all: Selected[] = [];
  for (const file of files) {
    const names = await listScenarios(pool, file);
    for (const scenario of names) {
      all.push({ file, scenario, command: checkCommand(file, names.length > 1 ? scenario : undefined) });
    }
  }
  return choose(all, selection, files.join(', '));
}

/** The scenarios of the own suite that are meant. */
export function selectOwn(selection: Selection): Selected[] {
  const all = SELF_CHECKS.map(({ scenario: { name } }) => {
    return { file: SELF_FILE, scenario: name, command: checkCommand(undefined, name) };
  });
  return choose(all, selection, 'the own suite');
}

function checkFile(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new UsageError(`${file}: there is no such file`);
  }
  if (!EXTENSIONS.includes(extname(file))) {
    throw new UsageError(
      `${file}: scenarios stand in an ES module, a file that ends with one of ${EXTENSIONS.join(', ')}`,
    );
  }
}

function choose(all: readonly Selected[], { scenario, replay }: Selection, where: string): Selected[] {
  const named = scenario === undefined ? all : all.filter((selected) => selected.scenario === scenario);
  if (named.length === 0) {
    throw new UsageError(`${where}: there is no scenario '${scenario ?? ''}', but ${quoted(all)}`);
  }
  if (replay === undefined || named.length === 1) return [...named];
  const [version, hash] = replay.split('.');
  // A text that is no token at all is refused by whoever reads tokens.
  if (!/^g\d+$/.test(version) || !/^[\da-f]{4}$/.test(hash)) decodeToken(replay, named[0].scenario);
  const owners = named.filter((selected) => scenarioHash(selected.scenario) === hash);
  if (owners.length === 1) return owners;
  throw new UsageError(
    owners.length === 0
      ? `--replay: the token is of no scenario of ${where}: has it another name now?`
      : `--replay: the token could be of ${quoted(owners)}: choose by --scenario, or by the file`,
  );
}

function quoted(scenarios: readonly Selected[]): string {
  return scenarios.map(({ scenario }) => `'${scenario}'`).join(', ');
}

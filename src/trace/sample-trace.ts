import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NAME = 'samples/compile.ftrace.gz';

/**
 * Where the sample stands as seen from this file: beside it, or, when this is the compiled file in `dist/src/trace`,
 * in the package's own `src/trace`, from where it is not copied.
 */
const CANDIDATES = [`./${NAME}`, `../../../src/trace/${NAME}`];

/**
 * The file name of the slice of a real trace that is part of the package; see the README beside it.
 *
 * @throws Error when the package is incomplete
 */
export function sampleTraceFile(): string {
  const files = CANDIDATES.map((path) => fileURLToPath(new URL(path, import.meta.url)));
  const found = files.find((file) => existsSync(file));
  if (found === undefined) throw new Error(`the package is incomplete: ${NAME} is missing`);
  return found;
}

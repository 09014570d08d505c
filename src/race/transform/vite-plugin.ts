import { type FilePattern, matchesFile } from './file-filter.js';
import type { RawSourceMap } from './source-map.js';
import { transformSource } from './transform.js';

export interface GfpRaceOptions {
  /** Files to transform; default: those named `*.race.ts` or `*.race.test.ts`, or the same with another extension. */
  readonly include?: FilePattern | readonly FilePattern[];
  /** Of these, files to leave alone. */
  readonly exclude?: FilePattern | readonly FilePattern[];
}

/** A plugin for Vite and vitest, of the form that they document. */
export interface GfpRacePlugin {
  readonly name: string;
  readonly enforce: 'pre';
  transform(code: string, id: string): { code: string; map: RawSourceMap } | undefined;
}

const DEFAULT_INCLUDE = /\.race(?:\.test|\.spec)?\.m?[jt]s$/;

/**
 * Makes the functions of test files explorable, so that scenarios can be written in tests:
 *
 * ```ts
 * // vitest.config.ts
 * import { gfpRace } from 'gfp/race/vite';
 * export default defineConfig({ plugins: [gfpRace()] });
 * ```
 */
export function gfpRace(options: GfpRaceOptions = {}): GfpRacePlugin {
  const include = listOf(options.include ?? DEFAULT_INCLUDE);
  const exclude = listOf(options.exclude ?? []);
  return {
    name: 'gfp-race',
    // Before types are removed: what it sees is what the user wrote.
    enforce: 'pre',
    transform(code, id) {
      const file = id.replace(/[?#].*$/, '');
      if (!matchesFile(file, include) || matchesFile(file, exclude)) return undefined;
      const result = transformSource(code, { file });
      return { code: result.code, map: result.map };
    },
  };
}

function listOf(patterns: FilePattern | readonly FilePattern[]): readonly FilePattern[] {
  return typeof patterns === 'string' || patterns instanceof RegExp ? [patterns] : patterns;
}

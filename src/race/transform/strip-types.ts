import { transformSync } from 'oxc-transform';
import type { RawSourceMap } from './source-map.js';
import { TransformError } from './transform-error.js';

const TYPESCRIPT = /\.[cm]?ts$/;

export function isTypeScript(file: string): boolean {
  return TYPESCRIPT.test(file);
}

/** TypeScript without its types, and the map back to it. */
export function stripTypes(code: string, file: string): { code: string; map: RawSourceMap | undefined } {
  const result = transformSync(file, code, {
    lang: 'ts',
    sourceType: 'module',
    sourcemap: true,
    target: 'esnext',
    // What an import is for is said by its `type`, as everywhere where types are removed file by file.
    typescript: { onlyRemoveTypeImports: true },
  });
  const error = result.errors.at(0);
  if (error !== undefined) {
    const lines = code.slice(0, error.labels.at(0)?.start ?? 0).split('\n');
    const column = (lines.at(-1)?.length ?? 0) + 1;
    throw new TransformError(file, lines.length, column, error.message);
  }
  return { code: result.code, map: result.map };
}

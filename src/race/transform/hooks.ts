import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isInstrumented, PACKAGE_SOURCE } from './instrumented.js';
import { transformedModule } from './load-source.js';
import { keyOf, withKey } from './race-url.js';

/**
 * Hooks of Node's module loader. What a transformed module imports is transformed too, with the same patches, if it is
 * to be explored at all.
 */

interface Resolved {
  readonly url: string;
  readonly format?: string | null | undefined;
  readonly shortCircuit?: boolean | undefined;
}

interface Loaded {
  readonly format: string;
  readonly source: string;
  readonly shortCircuit: true;
}

/** From where a module's import is resolved: gfp by its name is this gfp, wherever the module lies. */
export function resolveFrom(specifier: string, parent: string | undefined): string | undefined {
  const isOwn = specifier === 'gfp' || specifier.startsWith('gfp/');
  return keyOf(parent) !== undefined && isOwn ? PACKAGE_SOURCE : parent;
}

/** TypeScript is imported as the JavaScript that it will be: what to try when that does not exist. */
export function sourceSpecifier(specifier: string, parent: string | undefined): string | undefined {
  if (keyOf(parent) === undefined || !/^\.{0,2}\/.*\.m?js$/.test(specifier)) return undefined;
  return specifier.replace(/js$/, 'ts');
}

/** What a resolved module is loaded as. */
export function resolved<Result extends Resolved>(result: Result, parent: string | undefined): Result {
  const key = keyOf(parent);
  if (key === undefined || !isInstrumented(result.url)) return result;
  const mayBeScript = result.format !== 'module' && /\.js(?:[?#]|$)/.test(result.url);
  if (mayBeScript && !hasModuleSyntax(result.url)) return result;
  return { ...result, url: withKey(result.url, key), format: 'module', shortCircuit: true };
}

/** The text of a module that is to be transformed; undefined for others. */
export function loaded(url: string): Loaded | undefined {
  const key = keyOf(url);
  if (key === undefined) return undefined;
  return { format: 'module', source: transformedModule(url, key), shortCircuit: true };
}

/** A file of a package without `type` may be a module all the same; one that is none is left to Node. */
function hasModuleSyntax(url: string): boolean {
  return /^\s*(?:import|export)\b/m.test(readFileSync(fileURLToPath(url), 'utf8'));
}

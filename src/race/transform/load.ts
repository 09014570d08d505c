import * as nodeModule from 'node:module';
import type { SourcePatch } from '../scenario.js';
import { loaded, resolved, resolveFrom, sourceSpecifier } from './hooks.js';
import { fileURLToPath } from 'node:url';
import { readModule } from './original-source.js';
import { applyPatches, patchedModule, patchKey } from './patches.js';
import { withKey } from './race-url.js';
import { TransformError } from './transform-error.js';

interface Context {
  readonly parentURL?: string | undefined;
}

interface Resolved {
  readonly url: string;
}

/** Newer versions of Node run hooks in the thread that imports, and will have no others. */
interface SynchronousHooks {
  registerHooks?: (hooks: {
    resolve: (
      specifier: string,
      context: Context,
      next: (specifier: string, context: Context) => Resolved,
    ) => Resolved;
    load: (url: string, context: unknown, next: (url: string, context: unknown) => unknown) => unknown;
  }) => void;
}

let isRegistered = false;

/**
 * Makes Node transform the modules whose URL says so, and what they import, in this thread. Source maps are switched
 * on, so that the stacks of errors name the user's lines.
 */
export function registerRaceLoader(): void {
  if (isRegistered) return;
  isRegistered = true;
  process.setSourceMapsEnabled(true);
  const { registerHooks } = nodeModule as SynchronousHooks;
  if (registerHooks === undefined) {
    nodeModule.register('./hooks-thread.js', import.meta.url);
    return;
  }
  registerHooks({
    resolve(specifier, context, next) {
      const { parentURL } = context;
      const from = { ...context, parentURL: resolveFrom(specifier, parentURL) };
      try {
        return resolved(next(specifier, from), parentURL);
      } catch (error) {
        const source = sourceSpecifier(specifier, parentURL);
        if (source === undefined) throw error;
        return resolved(next(source, from), parentURL);
      }
    },
    load: (url, context, next) => loaded(url) ?? next(url, context),
  });
}

/**
 * Imports a module, and what it imports, transformed. The same patches give the same instances.
 *
 * @param url a `file:` URL of a module in JavaScript or TypeScript
 * @returns what it exports
 * @throws TransformError for code that cannot be explored, or patches that do not fit
 */
export async function loadInstrumented(
  url: string | URL,
  patches: readonly SourcePatch[] = [],
): Promise<unknown> {
  checkPatches(patches);
  registerRaceLoader();
  return import(withKey(url, patchKey(patches)));
}

/** A patch that does not fit would make a mutant that is none. */
function checkPatches(patches: readonly SourcePatch[]): void {
  const texts = new Map<string, string>();
  for (const patch of patches) {
    const file = fileURLToPath(patchedModule(patch));
    const text = texts.get(file) ?? readModule(file).original;
    if (text === undefined)
      throw new TransformError(patch.file, 0, 0, 'its source map lacks the source text');
    texts.set(file, applyPatches(text, patch.file, [patch]));
  }
}

import { fileURLToPath } from 'node:url';
import { cached, cacheKey } from './cache.js';
import { isMarkedFile } from './instrumented.js';
import { type ModuleSource, readModule } from './original-source.js';
import { applyPatches, patchesFor, patchesOf } from './patches.js';
import { transformSource } from './transform.js';
import { TransformError } from './transform-error.js';

/** The transformed text of the module at a URL, with its source map in it. */
export function transformedModule(url: string, key: string): string {
  const file = fileURLToPath(url);
  const source = readModule(file);
  const { originalFile, code, inputMap } = source;
  const patched = patchedSource(source, key);
  const parts = [file, originalFile, patched ?? code, patched === undefined ? mappingsOf(source) : undefined];
  return cached(cacheKey(parts), () => {
    const marked = isMarkedFile(file);
    const options =
      patched === undefined ? { file, originalFile, inputMap, marked } : { file: originalFile, marked };
    const { code: text, map } = transformSource(patched ?? code, options);
    const encoded = Buffer.from(JSON.stringify(map)).toString('base64');
    return `${text}\n//# sourceMappingURL=data:application/json;base64,${encoded}\n`;
  });
}

/** Patches change what the user wrote, also where that has been compiled since. */
function patchedSource({ original, originalFile }: ModuleSource, key: string): string | undefined {
  const patches = patchesFor(patchesOf(key), originalFile);
  if (patches.length === 0) return undefined;
  if (original === undefined) {
    throw new TransformError(originalFile, 0, 0, 'a patch needs the source text, which the source map lacks');
  }
  return applyPatches(original, originalFile, patches);
}

function mappingsOf({ inputMap }: ModuleSource): string | undefined {
  return inputMap?.mappings;
}

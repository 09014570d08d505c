import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { SourcePatch } from '../scenario.js';
import { isInstrumented, PACKAGE_SOURCE } from './instrumented.js';
import { TransformError } from './transform-error.js';

/**
 * The key of a set of patches: modules that are loaded with the same key are instances of their own. It contains the
 * patches, so that whatever thread loads modules knows them.
 */
export function patchKey(patches: readonly SourcePatch[] = []): string {
  if (patches.length === 0) return 'plain';
  const rows = patches.map(({ file, find, replace }) => [file, find, replace]);
  return Buffer.from(JSON.stringify(rows)).toString('base64url');
}

/** The patches of a key. */
export function patchesOf(key: string): SourcePatch[] {
  if (key === 'plain') return [];
  const rows = JSON.parse(Buffer.from(key, 'base64url').toString()) as [string, string, string][];
  return rows.map(([file, find, replace]) => ({ file, find, replace }));
}

/** Whether a patch is for a file: its path without extension ends with the patch's. */
function isFor(patch: SourcePatch, file: string): boolean {
  return `/${file.replaceAll('\\', '/')}`.replace(/\.m?[jt]s$/, '').endsWith(`/${patch.file}`);
}

export function patchesFor(patches: readonly SourcePatch[], file: string): SourcePatch[] {
  return patches.filter((patch) => isFor(patch, file));
}

/**
 * Changes a source text.
 *
 * @throws TransformError when what is to be replaced does not stand there exactly once
 */
export function applyPatches(source: string, file: string, patches: readonly SourcePatch[]): string {
  let text = source;
  for (const { find, replace } of patches) {
    const count = find === '' ? 0 : text.split(find).length - 1;
    if (count !== 1) {
      const times = count === 0 ? 'is not there' : `is there ${count} times`;
      throw new TransformError(file, 0, 0, `what a patch wants to replace ${times}, must be once: ${find}`);
    }
    // A function: the replacement may contain $&.
    text = text.replace(find, () => replace);
  }
  return text;
}

/**
 * The module of gfp that a patch is for, as a URL.
 *
 * @throws TransformError when there is none that a patch can change
 */
export function patchedModule(patch: SourcePatch): string {
  const found = ['js', 'ts']
    .map((extension) => new URL(`${patch.file}.${extension}`, PACKAGE_SOURCE).href)
    .find((url) => existsSync(fileURLToPath(url)));
  if (found === undefined || !isInstrumented(found)) {
    throw new TransformError(
      patch.file,
      0,
      0,
      'a patch is for a file of the kernel, written without extension from src on, like kernel/mm/buddy',
    );
  }
  return found;
}

import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import type { Plugin } from 'vitest/config';

/**
 * Lets tests load the built JavaScript wherever they import from `src/`, if it is up to date: Node loads and runs it
 * twice as fast as what Vite makes of the sources. After a change that is not built yet they get the sources.
 *
 * @param root the folder of the package
 */
export function builtSources(root: string): Plugin {
  const src = join(root, 'src');
  const dist = join(root, 'dist', 'src');
  const isBuilt = isUpToDate(src, dist);
  return {
    name: 'built-sources',
    enforce: 'pre',
    resolveId(id, importer) {
      if (!isBuilt || importer === undefined || !id.startsWith('.')) return undefined;
      const file = resolve(dirname(importer), id);
      if (!file.startsWith(src + sep) || !file.endsWith('.js')) return undefined;
      return { id: join(dist, file.slice(src.length)), external: true };
    },
  };
}

/** Whether each source has its JavaScript, which is not older. */
function isUpToDate(src: string, dist: string): boolean {
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return names.every((name) => {
    const built = statSync(join(dist, name.replace(/\.ts$/, '.js')), { throwIfNoEntry: false });
    return built !== undefined && built.mtimeMs >= statSync(join(src, name)).mtimeMs;
  });
}

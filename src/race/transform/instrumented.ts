import { fileURLToPath } from 'node:url';

/** The folder of the compiled package (`dist/src/`), or of its sources where they are run as they are. */
export const PACKAGE_SOURCE = new URL('../../', import.meta.url).href;

/** What of gfp itself is explored: the kernel, and what the explorer has of kernel code and scenarios. */
const OWN = /^(?:index\.[jt]s$|(?:image|arch|kernel|drivers|race\/machine\/simulated|race\/self)\/)/;

const MODULE = /\.m?[jt]s$/;

/** Whether the module at a URL is explored, and so is loaded transformed when transformed code imports it. */
export function isInstrumented(url: string): boolean {
  if (!url.startsWith('file:')) return false;
  const path = url.replace(/[?#].*$/, '');
  if (!MODULE.test(path) || path.endsWith('.d.ts') || path.endsWith('.d.mts')) return false;
  if (path.startsWith(PACKAGE_SOURCE)) return OWN.test(path.slice(PACKAGE_SOURCE.length));
  return !path.includes('/node_modules/');
}

/** Whether all plain accesses of a file of gfp are deliberate races: that is what it is for. */
export function isMarkedFile(file: string): boolean {
  return file === fileURLToPath(new URL('kernel/core/access-once.js', PACKAGE_SOURCE));
}

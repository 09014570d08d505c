/**
 * The URL of a module that CPUs load.
 *
 * @throws TypeError when it is no absolute URL
 */
export function moduleUrl(module: string | URL): string {
  try {
    return new URL(module).href;
  } catch (cause) {
    const wanted = "an absolute URL, such as new URL('./work.js', import.meta.url)";
    throw new TypeError(`module ${String(module)}: must be ${wanted}`, { cause });
  }
}

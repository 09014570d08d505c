import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Hardware } from '../arch/hardware.js';
import type { ConfigField } from './config-field.js';

const EXAMPLE = `{ "module": "file:///drivers/my.js", "name": "my_init" }`;

/**
 * Reads the boot hooks.
 *
 * @param base URL of the file that the configuration is in, which relative paths start from; undefined if none
 */
export function readBootHooks(field: ConfigField, base: URL | undefined): Hardware['bootHooks'] | null {
  if (!field.isGiven) return [];
  const hooks = field.list(`a list such as [${EXAMPLE}]`)?.map((element) => readHook(element, base)) ?? [
    null,
  ];
  return hooks.every((hook) => hook !== null) ? hooks : null;
}

function readHook(field: ConfigField, base: URL | undefined): Hardware['bootHooks'][number] | null {
  const fields = field.object(['module', 'name'], EXAMPLE);
  if (fields === null) return null;
  const module = readModule(fields.module, base);
  const name = fields.name.text('the name of an exported function');
  return module === null || name === null ? null : { module, name };
}

/** @returns a URL, or a package's name as it is */
function readModule(field: ConfigField, base: URL | undefined): string | null {
  const module = field.text(`a module: a URL, a package's name or a path`);
  if (module === null) return null;
  if (isAbsolute(module)) return pathToFileURL(module).href;
  if (!/^\.\.?\//.test(module)) return module;
  if (base !== undefined) return new URL(module, base).href;
  return field.refuse(
    `'${module}' is relative, but to what? Write new URL('${module}', import.meta.url).href, or an absolute path`,
  );
}

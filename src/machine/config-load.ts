import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Hardware } from '../arch/hardware.js';
import { ConfigError } from './config-error.js';
import { toHardware } from './config-hardware.js';
import { JsonFault, parseJson } from './config-json.js';
import { nearestName } from './config-nearest.js';
import type { MachineConfig } from './config-types.js';
import { DEFAULT_PRESET, PRESET_NAMES, PRESETS, type PresetName } from './presets.js';

/** A configuration that is not checked yet. */
interface Source {
  readonly config: unknown;
  /** What it is, for messages. */
  readonly name: string;
  /** URL of the file it is in. */
  readonly base?: URL;
}

/**
 * Makes a machine's hardware from what a user gives.
 *
 * @param input the name of a preset, the path of a JSON file, or a configuration; without it, the default preset
 * @param overrides fields that replace those of the input as a whole; undefined ones do not count
 * @throws ConfigError with everything that is wrong
 */
export function loadHardware(
  input: string | MachineConfig = DEFAULT_PRESET,
  overrides: Partial<MachineConfig> = {},
): Hardware {
  const { config, name, base } =
    typeof input === 'string' ? open(input) : { config: input, name: 'configuration' };
  return toHardware(override(config, overrides), name, base);
}

function open(input: string): Source {
  if (isPreset(input)) return { config: PRESETS[input].config, name: `preset ${input}` };
  const text = read(input);
  try {
    return { config: parseJson(text), name: input, base: pathToFileURL(resolve(input)) };
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    const message = `not JSON: line ${error.line}, column ${error.column}: ${error.message}`;
    throw new ConfigError(input, [{ path: '', message }]);
  }
}

function isPreset(name: string): name is PresetName {
  return Object.hasOwn(PRESETS, name);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const isPath = /[/\\]|\.json$/i.test(path);
    const message = isPath ? `cannot be read: ${reason(error)}` : unknownPreset(path);
    throw new ConfigError(path, [{ path: '', message }]);
  }
}

function unknownPreset(name: string): string {
  const nearest = nearestName(name, PRESET_NAMES);
  return `neither a preset nor a file, nearest is '${nearest}' (presets: ${PRESET_NAMES.join(', ')})`;
}

function reason(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EISDIR':
      return 'it is a folder';
    case 'EACCES':
      return 'no permission';
    default:
      return (error as Error).message;
  }
}

function override(config: unknown, overrides: Partial<MachineConfig>): unknown {
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  const isObject = typeof config === 'object' && config !== null && !Array.isArray(config);
  return isObject && given.length > 0 ? { ...config, ...Object.fromEntries(given) } : config;
}

import type { Cpu } from '../../core/cpu.js';
import { FAULT_ATTR } from '../../core/fault-data.js';
import { DEBUG_FAULTS, KERNEL } from '../../core/kernel-data.js';
import { EINVAL, FileError } from '../file-error.js';
import { parseIntegers } from '../sysctl/parse-integers.js';

/** The folders in /sys/kernel/debug of what can be made to fail; they exist with debug.faults. */

const DEBUG_FOLDER = '/sys/kernel/debug';

const AT = FAULT_ATTR.at;

interface FaultFile {
  /** Offset in the fault_attr. */
  readonly at: number;
  /** Y or N; else a number between these. */
  readonly isSwitch?: true;
  readonly least?: number;
  readonly most?: number;
}

const SWITCH = { isSwitch: true } as const;

/** Files of both folders. */
const COMMON: Readonly<Record<string, FaultFile>> = {
  'ignore-gfp-wait': { at: AT.ignore_gfp_wait, ...SWITCH },
  interval: { at: AT.interval, least: 1 },
  nth: { at: AT.nth },
  probability: { at: AT.probability, most: 100 },
  seed: { at: AT.random },
  space: { at: AT.space },
  times: { at: AT.times, least: -1 },
  verbose: { at: AT.verbose, most: 2 },
};

const FOLDERS: Readonly<Record<string, { attr: number; files: Readonly<Record<string, FaultFile>> }>> = {
  fail_page_alloc: {
    attr: KERNEL.fail_page_alloc,
    files: {
      ...COMMON,
      'ignore-gfp-highmem': { at: AT.ignore_gfp_highmem, ...SWITCH },
      'min-order': { at: AT.min_order },
    },
  },
  failslab: { attr: KERNEL.failslab, files: COMMON },
};

/** The paths of these files; none without debug.faults. */
export function faultFiles(k: Cpu): string[] {
  const paths: string[] = [];
  if ((k.debug & DEBUG_FAULTS) === 0) return paths;
  for (const folder of Object.keys(FOLDERS)) {
    for (const name of Object.keys(FOLDERS[folder].files)) paths.push(`${DEBUG_FOLDER}/${folder}/${name}`);
  }
  return paths.sort();
}

/** Whether a path is one of these folders, or of something in them, on a machine that does not have them. */
export function isMissingFaultFile(k: Cpu, path: string): boolean {
  if ((k.debug & DEBUG_FAULTS) !== 0) return false;
  for (const name of Object.keys(FOLDERS)) if (`${path}/`.startsWith(`${DEBUG_FOLDER}/${name}/`)) return true;
  return false;
}

/** {@link faultFiles} for a message: folders together. */
export function describeFaultFiles(k: Cpu): string {
  if ((k.debug & DEBUG_FAULTS) === 0) return '';
  let text = '';
  for (const folder of Object.keys(FOLDERS))
    text += `, ${DEBUG_FOLDER}/${folder}/{${Object.keys(FOLDERS[folder].files).join(',')}}`;
  return text;
}

/** The text of one of {@link faultFiles}. */
export function readFaultFile(k: Cpu, path: string): string {
  const { word, file } = find(path);
  const value = Atomics.load(k.i32, word);
  if (file.isSwitch === true) return value === 0 ? 'N\n' : 'Y\n';
  return `${file.at === AT.random ? value >>> 0 : value}\n`;
}

/**
 * Sets one of {@link faultFiles}; counting for `interval` begins anew. All other CPUs are stopped.
 *
 * @throws FileError (-EINVAL) when the text is no value for it
 */
export function writeFaultFile(k: Cpu, path: string, text: string): void {
  const { attr, word, file } = find(path);
  const value = file.isSwitch === true ? parseSwitch(path, text) : parseNumber(path, text, file);
  Atomics.store(k.i32, word, value);
  Atomics.store(k.i32, attr + AT.count, 0);
}

function parseNumber(path: string, text: string, { least = 0, most }: FaultFile): number {
  const [value] = parseIntegers(path, text, 1, least);
  if (most !== undefined && value > most)
    throw new FileError(
      path,
      EINVAL,
      `${value} is not a value for it; write one integer from ${least} to ${most}`,
    );
  return value;
}

function parseSwitch(path: string, text: string): number {
  const written = text.trim();
  if (/^[yY1]$/.test(written)) return 1;
  if (/^[nN0]$/.test(written)) return 0;
  throw new FileError(path, EINVAL, `"${written}" is not a value for it; write Y or N`);
}

function find(path: string): { attr: number; word: number; file: FaultFile } {
  const [folder, name] = path.slice(DEBUG_FOLDER.length + 1).split('/');
  const { attr, files } = FOLDERS[folder];
  const file = files[name];
  return { attr, word: attr + file.at, file };
}

import { isAbsolute, relative } from 'node:path';
import type { Site } from './failure.js';

/** A site as a transformed module registers it. */
export type SiteEntry = readonly [line: number, column: number, text: string, functionName: string];

interface SiteTable {
  readonly first: number;
  readonly file: string;
  readonly table: readonly SiteEntry[];
}

/** The places of all loaded modules where shared memory may be reached, by number; 0 is none. */
const tables: SiteTable[] = [];
let next = 1;

/** Registers the sites of a module; returns the number of the first. */
export function registerSites(file: string, table: readonly SiteEntry[]): number {
  const first = next;
  tables.push({ first, file: shownFile(file), table });
  next += table.length;
  return first;
}

/** A file as the user knows it: relative to the working directory when below it, so that reports are alike anywhere. */
function shownFile(file: string): string {
  const path = relative(process.cwd(), file);
  return path.startsWith('..') || isAbsolute(path) ? file : path.replaceAll('\\', '/');
}

/** Where a site is, or undefined for number 0. */
export function siteOf(number: number): Site | undefined {
  let low = 0;
  let high = tables.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tables[middle].first <= number) low = middle;
    else high = middle - 1;
  }
  const found = tables.at(low);
  const entry = found?.table[number - found.first];
  if (found === undefined || entry === undefined) return undefined;
  const [line, column, text, functionName] = entry;
  return { file: found.file, line, column, text, functionName };
}

/** `file:line`, for messages. */
export function placeOf(number: number): string {
  const site = siteOf(number);
  return site === undefined ? 'an unknown place' : `${site.file}:${site.line}`;
}

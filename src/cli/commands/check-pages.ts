import { statSync, writeFileSync } from 'node:fs';
import { dirname, parse } from 'node:path';
import { note, UsageError } from '../output.js';
import { type Checked, failurePage } from '../render-check.js';
import type { CheckOptions } from './check-options.js';

/** The pages of `--html`: the first failure gets the name that was given, others get numbers. */
export class CheckPages {
  readonly #file: string | undefined;
  readonly #full: boolean;
  #written = 0;

  /** @throws UsageError when nothing can be written there */
  constructor({ html, full }: CheckOptions) {
    this.#file = html;
    this.#full = full === true;
    if (html !== undefined) checkFolder('--html', html);
  }

  write({ outcome, command }: Checked): void {
    if (this.#file === undefined || outcome.trace === undefined) return;
    const file = numbered(this.#file, ++this.#written);
    writeFileSync(file, failurePage(outcome.trace, command, this.#full));
    note(`written: ${file}`);
  }
}

/** `report.html`, `report-2.html`, ... */
function numbered(file: string, number: number): string {
  if (number === 1) return file;
  const { ext } = parse(file);
  return `${file.slice(0, file.length - ext.length)}-${number}${ext}`;
}

/** Makes sure that a file can be written before work is done for it. */
export function checkFolder(flag: string, file: string): void {
  const folder = dirname(file);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`${flag} ${file}: there is no folder ${folder}`);
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new UsageError(`${flag} ${file}: this is a folder`);
  }
}

import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

/** A file that is there when it is whole: it is written under another name and renamed at the end. */
export class WholeFile {
  readonly path: string;
  readonly #temporary: string;
  readonly #descriptor: number;

  constructor(path: string) {
    this.path = path;
    this.#temporary = `${path}.${process.pid}.part`;
    this.#descriptor = openSync(this.#temporary, 'w');
  }

  write(text: string): void {
    writeSync(this.#descriptor, text);
  }

  /** It is whole: it takes the place of what has its name. */
  finish(): void {
    closeSync(this.#descriptor);
    renameSync(this.#temporary, this.path);
  }

  /** It will not be: nothing of it remains. */
  discard(): void {
    closeSync(this.#descriptor);
    rmSync(this.#temporary, { force: true });
  }
}

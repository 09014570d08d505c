/** Code that cannot be made explorable as it stands. */
export class TransformError extends Error {
  override readonly name = 'TransformError';
  readonly file: string;
  /** From 1; 0 when the whole file is meant. */
  readonly line: number;
  /** From 1. */
  readonly column: number;

  /**
   * @param problem what is wrong, and what would be right
   */
  constructor(file: string, line: number, column: number, problem: string) {
    super(`${line === 0 ? file : `${file}:${line}:${column}`}: ${problem}`);
    this.file = file;
    this.line = line;
    this.column = column;
  }
}

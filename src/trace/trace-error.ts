/** What can be wrong with a trace that somebody wants to read. */
export type TraceProblem =
  /** The file cannot be opened or read: missing, a folder, no permission, an input error. */
  | 'unreadable'
  /** The file ends in the middle of its gzip data. */
  | 'truncated-gzip'
  /** The gzip data contradict themselves. */
  | 'damaged-gzip'
  /** The file is known to be something else than text or gzip. */
  | 'foreign-format'
  /** A line is neither a comment nor an event, or an event whose field is missing or malformed. */
  | 'broken-line'
  /** A line is longer than any trace writes. */
  | 'line-too-long';

/** The facts behind a {@link TraceError}. */
export interface TraceErrorDetails {
  readonly problem: TraceProblem;
  /** The file's name as the caller gave it. */
  readonly file: string;
  /** The 1-based number of the line that is wrong, where one line is to blame. */
  readonly line?: number;
  /** The event whose field is wrong, or nothing when the frame of the line is. */
  readonly event?: string;
  /** The part of the line that is wrong: a field's name, `frame` or `event`. */
  readonly field?: string;
  /** What was found. */
  readonly found: string;
  /** What would be right. */
  readonly expected: string;
  /** How many lines were read completely before the input ended, where the input as a whole is wrong. */
  readonly linesRead?: number;
}

function describe(details: TraceErrorDetails): string {
  const { file, line, event, field, found, expected, linesRead } = details;
  const place = line === undefined ? file : `${file}:${line}`;
  const part = [event, field].filter((name) => name !== undefined).join(' ');
  const after = linesRead === undefined ? '' : ` (after ${linesRead} complete lines)`;
  return `${place}: ${part === '' ? '' : `${part}: `}${found}${after}; ${expected}`;
}

/** A trace that cannot be read: says where, what was found there and what would be right. */
export class TraceError extends Error {
  readonly details: TraceErrorDetails;

  /**
   * @param details the facts; the message is made from them
   * @param options the error that caused this one, if any
   */
  constructor(details: TraceErrorDetails, options?: ErrorOptions) {
    super(describe(details), options);
    this.name = 'TraceError';
    this.details = details;
  }

  /**
   * The same error, with the place that the input had been read to. An error that names a line is returned as it
   * is: it knows better.
   *
   * @param linesRead complete lines read so far
   */
  afterLines(linesRead: number): TraceError {
    if (this.details.line !== undefined) return this;
    return new TraceError({ ...this.details, linesRead }, { cause: this.cause });
  }
}

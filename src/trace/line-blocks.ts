import { NEWLINE } from './ascii.js';
import { TraceError } from './trace-error.js';

/**
 * The longest line that is read (bytes). Trace lines are a few hundred bytes long; without a limit a binary file
 * with no line end in it would be collected in memory as one line.
 */
export const MAX_LINE_BYTES = 1024 * 1024;

/** The tail of the input that is not yet known to be a whole line. */
class PartialLine {
  readonly #file: string;
  #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(file: string) {
    this.#file = file;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Keeps a copy of the bytes: the chunk they are in may be used again by its reader. */
  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pieces.push(new Uint8Array(bytes));
    this.#length += bytes.length;
    if (this.#length <= MAX_LINE_BYTES) return;
    throw new TraceError({
      problem: 'line-too-long',
      file: this.#file,
      found: `a line longer than ${MAX_LINE_BYTES} bytes`,
      expected: 'give a trace in text form (ftrace or perf script)',
    });
  }

  /** Takes out what was collected, in one piece. */
  take(): Uint8Array {
    const line = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      line.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    this.#length = 0;
    return line;
  }
}

/**
 * Blocks of whole lines from chunks that are cut anywhere. Every block ends with a line end, also the last one,
 * so that a parser needs no other bound. Whole lines are not copied; a block is valid until the next one is
 * asked for.
 *
 * @param file name for error messages
 * @param chunks the contents in pieces of any size
 * @throws TraceError of the kind `line-too-long`; errors of the chunks pass through
 */
export async function* lineBlocks(
  file: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const partial = new PartialLine(file);
  for await (const chunk of chunks) {
    const lastEnd = chunk.lastIndexOf(NEWLINE);
    if (lastEnd < 0) {
      partial.append(chunk);
      continue;
    }
    let start = 0;
    if (!partial.isEmpty) {
      start = chunk.indexOf(NEWLINE) + 1;
      partial.append(chunk.subarray(0, start));
      yield partial.take();
    }
    if (start <= lastEnd) yield chunk.subarray(start, lastEnd + 1);
    partial.append(chunk.subarray(lastEnd + 1));
  }
  if (partial.isEmpty) return;
  partial.append(Uint8Array.of(NEWLINE));
  yield partial.take();
}

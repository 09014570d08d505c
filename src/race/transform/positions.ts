import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import type { RawSourceMap } from './source-map.js';

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 0. */
  readonly column: number;
}

/** Where the characters of a source text stand, for the user: in the file from which the text was made, if any. */
export class Positions {
  /** The text that positions belong to; empty when it is not known. */
  readonly original: string;
  private readonly lineStarts: number[] = [0];
  private readonly inputMap: TraceMap | undefined;

  constructor(source: string, inputMap: RawSourceMap | undefined) {
    for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) {
      this.lineStarts.push(at + 1);
    }
    this.inputMap = inputMap === undefined ? undefined : new TraceMap(JSON.stringify(inputMap));
    this.original = inputMap === undefined ? source : (inputMap.sourcesContent?.at(0) ?? '');
  }

  /** Where an offset stands; undefined when the original file has nothing there. */
  at(offset: number): Position | undefined {
    const { lineStarts } = this;
    let low = 0;
    let high = lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (lineStarts[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    const line = low + 1;
    const column = offset - lineStarts[low];
    if (this.inputMap === undefined) return { line, column };
    const found = originalPositionFor(this.inputMap, { line, column });
    return found.line === null ? undefined : { line: found.line, column: found.column };
  }
}

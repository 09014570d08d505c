import { GenMapping, maybeAddSegment, setSourceContent, toEncodedMap } from '@jridgewell/gen-mapping';
import type { Positions } from './positions.js';
import type { RawSourceMap } from './source-map.js';

/**
 * Emitted text carries marks that say from where in the source it comes; they are taken out at the end, where the
 * source map is made of them. So pieces of text can be put together, and used twice, like any strings.
 *
 * A mark is a character that the source does not contain, an offset in base 36, and the character again.
 */
export class Marks {
  /** Text that follows is copied from the source, from the offset on. */
  private readonly copied: string;
  /** Text that follows stands for what is at the offset. */
  private readonly made: string;

  constructor(source: string) {
    const unused: string[] = [];
    for (let code = 0xe000; unused.length < 2; code++) {
      const character = String.fromCharCode(code);
      if (!source.includes(character)) unused.push(character);
    }
    [this.copied, this.made] = unused;
  }

  copy(source: string, start: number, end: number): string {
    return `${this.copied}${start.toString(36)}${this.copied}${source.slice(start, end)}`;
  }

  at(offset: number): string {
    return `${this.made}${offset.toString(36)}${this.made}`;
  }

  /** The text without marks. */
  strip(text: string): string {
    return text.replace(this.pattern(), '');
  }

  /** The text without marks, and its source map. */
  finish(text: string, source: string, positions: Positions): { code: string; map: RawSourceMap } {
    const mapping = new GenMapping({});
    if (positions.original !== '') setSourceContent(mapping, source, positions.original);
    let code = '';
    let line = 0;
    let column = 0;
    const segment = (offset: number): void => {
      const at = positions.at(offset);
      if (at !== undefined) maybeAddSegment(mapping, line, column, source, at.line - 1, at.column);
    };
    const pattern = this.pattern();
    let from = 0;
    let mark: { offset: number; isCopy: boolean } | undefined;
    const piece = (end: number): void => {
      for (let start = from; start < end;) {
        if (mark !== undefined) segment(mark.isCopy ? mark.offset + (start - from) : mark.offset);
        const lineEnd = text.indexOf('\n', start) + 1;
        const isLine = lineEnd > 0 && lineEnd <= end;
        const next = isLine ? lineEnd : end;
        code += text.slice(start, next);
        column = isLine ? 0 : column + (next - start);
        if (isLine) line++;
        start = next;
      }
    };
    for (const match of text.matchAll(pattern)) {
      piece(match.index);
      from = match.index + match[0].length;
      mark = { offset: parseInt(match[0].slice(1, -1), 36), isCopy: match[0].startsWith(this.copied) };
    }
    piece(text.length);
    return { code, map: toEncodedMap(mapping) };
  }

  private pattern(): RegExp {
    return new RegExp(`([${this.copied}${this.made}])[0-9a-z]+\\1`, 'g');
  }
}

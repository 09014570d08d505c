/** Why a text is not JSON, and where. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault';
  /** Both from 1. */
  readonly line: number;
  readonly column: number;

  constructor(text: string, offset: number, message: string) {
    super(message);
    const lines = text.slice(0, offset).split('\n');
    this.line = lines.length;
    this.column = lines[lines.length - 1].length + 1;
  }
}

/**
 * Parses JSON like JSON.parse, which gives no position for some mistakes in some versions of Node, and keeps the
 * last of two fields of the same name.
 *
 * @throws JsonFault
 */
export function parseJson(text: string): unknown {
  new JsonScanner(text).scan();
  return JSON.parse(text) as unknown;
}

const SPACE = /[ \t\n\r]*/y;
const LITERAL = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
/** What to quote of a text that is wrong: a word, or one character. */
const WORD = /[\w.+-]+|[^]/uy;

/** Finds the first fault of a JSON text. */
class JsonScanner {
  private readonly text: string;
  private offset = 0;

  constructor(text: string) {
    this.text = text;
  }

  scan(): void {
    this.value();
    if (this.offset < this.text.length) this.fail('the end');
  }

  private value(): void {
    this.match(SPACE);
    const next = this.text[this.offset];
    if (next === '{') this.items('}', () => this.property(new Set()));
    else if (next === '[') this.items(']', () => () => this.value());
    else if (this.match(next === '"' ? STRING : LITERAL) === undefined) this.fail('a value');
    this.match(SPACE);
  }

  /** What stands between brackets, separated by commas. */
  private items(close: string, reader: () => () => void): void {
    const item = reader();
    this.offset++;
    this.match(SPACE);
    if (this.text[this.offset] !== close) {
      item();
      while (this.text[this.offset] === ',') {
        this.offset++;
        item();
      }
    }
    if (this.text[this.offset] !== close) this.fail(`',' or '${close}'`);
    this.offset++;
  }

  /** Reads a property of an object whose names so far are `names`. */
  private property(names: Set<string>): () => void {
    return () => {
      this.match(SPACE);
      const start = this.offset;
      const name = this.match(STRING) ?? this.fail('a field name in double quotes');
      if (names.has(name)) throw new JsonFault(this.text, start, `the field ${name} is there already`);
      names.add(name);
      this.match(SPACE);
      if (this.text[this.offset] !== ':') this.fail(`':'`);
      this.offset++;
      this.value();
    };
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.text)?.[0];
    this.offset += found?.length ?? 0;
    return found;
  }

  private fail(expected: string): never {
    const start = this.offset;
    const found = this.match(WORD);
    throw new JsonFault(
      this.text,
      start,
      `expected ${expected}, found ${found === undefined ? 'the end' : JSON.stringify(found)}`,
    );
  }
}

import { SPACE, textOf } from './ascii.js';
import { ByteStringCache, hashStep } from './byte-string-cache.js';
import { gfpNames } from './gfp-names.js';

/** Different unknown names that are counted one by one. */
const MAX_UNKNOWN_NAMES = 256;

/** Stands for all further unknown names, so that memory stays bounded. */
const FURTHER_NAMES = '(further names)';

/** The meaning of one text of `gfp_flags=`. */
interface ParsedFlags {
  readonly mask: number;
  readonly unknown: readonly string[];
}

/** Reads flag names joined by `|`. Names it does not know add nothing to the mask and are counted. */
export class GfpFlagsParser {
  /** The mask of the text parsed last, in gfp's own bits. */
  mask = 0;

  readonly #cache = new ByteStringCache<ParsedFlags>();
  readonly #unknown = new Map<string, number>();

  /**
   * Reads the flags that start at `start`.
   *
   * @returns the position after them; `start` if there are none
   */
  parse(bytes: Uint8Array, start: number): number {
    let hash = 0;
    let end = start;
    for (; bytes[end] > SPACE; end++) hash = hashStep(hash, bytes[end]);
    if (end === start) return start;
    let flags = this.#cache.find(bytes, start, end, hash);
    if (flags === undefined) {
      flags = parseNames(textOf(bytes, start, end));
      this.#cache.keep(bytes, start, end, hash, flags);
    }
    this.mask = flags.mask;
    if (flags.unknown.length > 0) this.#countUnknown(flags.unknown);
    return end;
  }

  /** How often each unknown name came, the most frequent first. */
  unknownNames(): { name: string; count: number }[] {
    const names = [...this.#unknown].map(([name, count]) => ({ name, count }));
    return names.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  }

  #countUnknown(names: readonly string[]): void {
    for (const name of names) {
      const known = this.#unknown.has(name) || this.#unknown.size < MAX_UNKNOWN_NAMES;
      const counted = known ? name : FURTHER_NAMES;
      this.#unknown.set(counted, (this.#unknown.get(counted) ?? 0) + 1);
    }
  }
}

function parseNames(text: string): ParsedFlags {
  let mask = 0;
  const unknown: string[] = [];
  for (const name of text.split('|')) {
    const bits = gfpNames.get(name);
    // A number is what is left of the mask after all names: bits of another kernel that mean nothing here.
    if (bits === undefined) unknown.push(name);
    else mask |= bits;
  }
  return { mask, unknown };
}

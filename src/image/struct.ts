/**
 * Declarative struct layouts. A layout is computed once, when its module is loaded; what remains at run time is a
 * number per field, so `i32[page + PAGE.at.flags]` costs what `i32[page + 0]` costs. The same declaration decodes
 * an offset back into a name, which reports, audits and traces are made of.
 *
 * All offsets are in 32-bit words, because the image's main view is an `Int32Array`.
 */

/** Bytes in a word of the image. */
export const WORD_BYTES = 4;

/** A cache line in words: data of different CPUs is kept this far apart. */
export const CACHE_LINE_WORDS = 16;

/** What a field of a struct can be: something with a size, an alignment and named insides. */
export interface FieldType {
  /** Size in words. */
  readonly words: number;
  /** Alignment in words. */
  readonly align: number;
  /** The name of what lies at `offset` words into the field, as a suffix such as `.next` or `[3].nr_free`. */
  nameAt(offset: number): string;
}

/** A named record of fields at fixed offsets. */
export interface Struct<Fields extends Record<string, FieldType>> extends FieldType {
  readonly name: string;
  /** The offset of each field, in words from the start of the struct. */
  readonly at: { readonly [Name in keyof Fields]: number };
}

/** One 32-bit word: an integer, a page frame number, or the word index of another structure. */
export const word: FieldType = { words: 1, align: 1, nameAt: () => '' };

/** A double, for event counters that must not wrap. Reached as `f64[index >>> 1]`. */
export const double: FieldType = { words: 2, align: 2, nameAt: () => '' };

/** The first word of a cache line, so that what comes before and after it do not share a line. */
export const lineStart: FieldType = { words: 0, align: CACHE_LINE_WORDS, nameAt: () => '' };

/** `length` elements one after another. */
export function array(element: FieldType, length: number): FieldType {
  return {
    words: element.words * length,
    align: element.align,
    nameAt(offset) {
      const index = Math.floor(offset / element.words);
      return `[${index}]${element.nameAt(offset - index * element.words)}`;
    },
  };
}

/** `length` bytes, rounded up to words. Reached as `u8[index * 4]`. */
export function bytes(length: number): FieldType {
  return { words: Math.ceil(length / WORD_BYTES), align: 1, nameAt: (offset) => `[${offset * WORD_BYTES}]` };
}

/**
 * Declares a struct: fields in order, each aligned, the whole padded to its strictest alignment.
 *
 * @param name the C name, without `struct`
 * @param fields field name to type, in memory order
 */
export function struct<Fields extends Record<string, FieldType>>(
  name: string,
  fields: Fields,
): Struct<Fields> {
  const offsets: Record<string, number> = {};
  let end = 0;
  let align = 1;
  for (const [fieldName, type] of Object.entries(fields)) {
    end = alignUp(end, type.align);
    offsets[fieldName] = end;
    end += type.words;
    align = Math.max(align, type.align);
  }
  const placed = Object.entries(fields).filter(([, type]) => type.words > 0);
  return {
    name,
    words: alignUp(end, align),
    align,
    at: offsets as Struct<Fields>['at'],
    nameAt(offset) {
      for (const [fieldName, type] of placed) {
        const start = offsets[fieldName] ?? 0;
        if (offset >= start && offset < start + type.words)
          return `.${fieldName}${type.nameAt(offset - start)}`;
      }
      return `.<padding ${offset}>`;
    },
  };
}

/** Rounds `value` up to a multiple of `step`. */
export function alignUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

interface Entry<Value> {
  readonly bytes: Uint8Array;
  readonly value: Value;
}

/** Entries, a power of two, for some 50 different flag texts or a dozen event names. */
const ENTRIES = 1024;

/** One step of the hash that {@link ByteStringCache} is asked with, to be taken byte by byte from 0. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

/**
 * Values of texts that come again and again, found by comparing bytes, without making a string. A newer text
 * takes the place of an older one with the same hash: the size is fixed whatever the trace contains.
 */
export class ByteStringCache<Value> {
  readonly #entries: (Entry<Value> | undefined)[];
  readonly #mask: number;

  /** @param entries how many, a power of two */
  constructor(entries = ENTRIES) {
    this.#entries = new Array<Entry<Value> | undefined>(entries).fill(undefined);
    this.#mask = entries - 1;
  }

  /**
   * The value kept for the bytes from start up to end, not included.
   *
   * @param hash their hash by {@link hashStep}
   */
  find(bytes: Uint8Array, start: number, end: number, hash: number): Value | undefined {
    const entry = this.#entries[hash & this.#mask];
    if (entry === undefined) return undefined;
    const known = entry.bytes;
    if (known.length !== end - start) return undefined;
    for (let i = 0; i < known.length; i++) {
      if (known[i] !== bytes[start + i]) return undefined;
    }
    return entry.value;
  }

  /** Keeps a value for the bytes from start up to end, not included. */
  keep(bytes: Uint8Array, start: number, end: number, hash: number, value: Value): void {
    // A Buffer's slice() is no copy: it would keep the whole chunk of the file.
    this.#entries[hash & this.#mask] = { bytes: new Uint8Array(bytes.subarray(start, end)), value };
  }
}

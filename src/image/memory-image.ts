/**
 * The memory image: one SharedArrayBuffer that every thread of a machine sees, with the views through which all of
 * it is reached (kernel rule K2). What is not touched costs no memory on the host.
 */

/** The largest image, in bytes: what one 32-bit word offset and one typed array reach. */
export const MAX_IMAGE_BYTES = 4 * 1024 ** 3;

/**
 * A word index has this many bits. Code that is run very often masks an index that it has read or computed: then V8
 * knows that it is not negative and that adding a field's offset cannot overflow, and checks neither.
 */
export const WORD_INDEX_MASK = MAX_IMAGE_BYTES / 4 - 1;

export class MemoryImage {
  readonly buffer: SharedArrayBuffer;
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
  readonly i64: BigInt64Array;

  /** @param buffer the shared memory; a thread that gets it in a message attaches by wrapping it again */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.i64 = new BigInt64Array(buffer);
  }

  /**
   * @param size in bytes, a multiple of 8, at most {@link MAX_IMAGE_BYTES}
   * @throws RangeError when the size is none of that, or the host has not the address space
   */
  static create(size: number): MemoryImage {
    if (!Number.isInteger(size / 8) || size <= 0 || size > MAX_IMAGE_BYTES) {
      throw new RangeError(
        `image size ${size}: must be a positive multiple of 8, at most ${MAX_IMAGE_BYTES}`,
      );
    }
    return new MemoryImage(new SharedArrayBuffer(size));
  }

  /** The text at byte offset `start`, up to `limit` bytes or the first NUL. The image stores ASCII and UTF-8. */
  readText(start: number, limit: number): string {
    let end = start;
    while (end < start + limit && this.u8[end] !== 0) end++;
    // TextDecoder refuses shared memory, so it gets a copy.
    return new TextDecoder().decode(this.u8.slice(start, end));
  }

  /**
   * Writes `text` at byte offset `start`, with a NUL behind it, cut to fit into `limit` bytes.
   *
   * @returns the number of bytes written, without the NUL
   */
  writeText(start: number, limit: number, text: string): number {
    const encoded = new TextEncoder().encode(text).subarray(0, limit - 1);
    this.u8.set(encoded, start);
    this.u8[start + encoded.length] = 0;
    return encoded.length;
  }
}

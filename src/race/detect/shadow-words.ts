import {
  CELL_NUMBERS,
  CELL_SHIFT,
  CELL_SPLIT,
  CELL_SYNC,
  RECORD_NUMBERS,
  RECORD_RANGE,
  shiftRange,
} from './shadow-cell.js';
import type { AccessList } from './access-list.js';

/** Words of a chunk, as a shift. */
export const CHUNK_SHIFT = 12;
export const CHUNK_MASK = (1 << CHUNK_SHIFT) - 1;

const BYTES_PER_WORD = 4;
/** Words are numbered with 32 bits. */
const MAX_BYTES = BYTES_PER_WORD * 2 ** 32;
/** Addresses up to here have 32 bits. */
const MAX_SHORT_ADDRESS = 2 ** 32 - 1;

/** Number of the word that the byte is in. */
export function wordOf(address: number): number {
  return address <= MAX_SHORT_ADDRESS ? address >>> 2 : Math.floor(address / BYTES_PER_WORD);
}

const FIRST_BYTE_BLOCKS = 16;
const BLOCK_NUMBERS = BYTES_PER_WORD * CELL_NUMBERS;

/**
 * The cells of a memory: one for each 4-byte word, made when the word's neighbourhood is first touched, and four more
 * for a word from the moment on when a part of it is accessed alone.
 */
export class ShadowWords {
  /** Cells of words, chunk by chunk. A chunk may be missing, or shorter than others at the end of the memory. */
  readonly chunks: (Int32Array | undefined)[] = [];
  /** Cells of bytes. Block 0 is not used. */
  bytes = new Int32Array(FIRST_BYTE_BLOCKS * BLOCK_NUMBERS);
  #usedBytes = BLOCK_NUMBERS;
  #words = 0;

  constructor(bytes: number) {
    this.grow(bytes);
  }

  /** Covers at least so many bytes. */
  grow(bytes: number): void {
    if (bytes > MAX_BYTES) throw new RangeError(`${bytes} bytes are too many to be watched for races`);
    // Whole units of 8 bytes: see CELL_SYNC.
    this.#words = Math.max(this.#words, Math.ceil(bytes / 8) * 2);
  }

  /** The chunk with the word's cell. */
  chunkOf(word: number): Int32Array {
    const number = word >>> CHUNK_SHIFT;
    const index = (word & CHUNK_MASK) << CELL_SHIFT;
    const chunk = this.chunks[number];
    return chunk !== undefined && index < chunk.length ? chunk : this.#makeChunk(number, word);
  }

  /**
   * Where the byte cells of a word start in `bytes`, which may have been replaced. Splits the word if it is whole.
   *
   * @param cells with the word's cell at `cell`
   */
  split(cells: Int32Array, cell: number, list: AccessList): number {
    if (cells[cell + CELL_SPLIT] !== 0) return cells[cell + CELL_SPLIT];
    const block = this.#usedBytes;
    this.#usedBytes += BLOCK_NUMBERS;
    if (this.#usedBytes > this.bytes.length) {
      const larger = new Int32Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    for (let byte = 0; byte < BYTES_PER_WORD; byte++) {
      const target = block + (byte << CELL_SHIFT);
      for (let i = 0; i < CELL_SPLIT; i++) {
        const value = cells[cell + i];
        this.bytes[target + i] = i % RECORD_NUMBERS === RECORD_RANGE ? shiftRange(value, byte) : value;
      }
      list.copy(cells, cell, this.bytes, target, byte);
    }
    const sync = cells[cell + CELL_SYNC];
    cells.fill(0, cell, cell + CELL_NUMBERS);
    cells[cell + CELL_SYNC] = sync;
    cells[cell + CELL_SPLIT] = block;
    return block;
  }

  /** Forgets everything. */
  clear(): void {
    this.chunks.length = 0;
    this.bytes = new Int32Array(FIRST_BYTE_BLOCKS * BLOCK_NUMBERS);
    this.#usedBytes = BLOCK_NUMBERS;
  }

  #makeChunk(number: number, word: number): Int32Array {
    if (word >= this.#words) {
      throw new RangeError(
        `Byte ${word * BYTES_PER_WORD} is outside of the memory that is watched for races`,
      );
    }
    while (this.chunks.length <= number) this.chunks.push(undefined);
    const words = Math.min(CHUNK_MASK + 1, this.#words - number * (CHUNK_MASK + 1));
    const chunk = new Int32Array(words << CELL_SHIFT);
    const shorter = this.chunks[number];
    if (shorter !== undefined) chunk.set(shorter);
    this.chunks[number] = chunk;
    return chunk;
  }
}

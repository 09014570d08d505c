import { describeValue } from '../kernel/core/describe-value.js';

/** What is wrong with a pointer, or with the heap. */
export type HeapErrorCode =
  /** The pointer is none that this heap gave. */
  | 'WILD_POINTER'
  /** The pointer was freed already. Noticed with `debug`, and only until the memory is given out again. */
  | 'DOUBLE_FREE'
  /** The memory behind the pointer is free; or somebody wrote into memory that was. With `debug`. */
  | 'USE_AFTER_FREE'
  /** Somebody wrote beyond either end of the memory. With `debug`. */
  | 'OUT_OF_BOUNDS'
  /** All places for threads are taken. */
  | 'TOO_MANY_THREADS'
  /** The heap was closed on this thread. */
  | 'CLOSED'
  /** What was handed to `attach` is no heap. */
  | 'NO_HEAP'
  /** The heap's own memory is damaged, or the allocator failed. */
  | 'CORRUPTED';

/** A heap was misused. */
export class HeapError extends Error {
  override name = 'HeapError';
  readonly code: HeapErrorCode;
  /** The pointer in question; 0 if there is none. */
  readonly pointer: number;

  constructor(code: HeapErrorCode, message: string, pointer = 0, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.pointer = pointer;
  }
}

/** A pointer as messages show it. */
export function hex(pointer: number): string {
  return Number.isInteger(pointer) && pointer >= 0 ? `0x${pointer.toString(16)}` : describeValue(pointer);
}

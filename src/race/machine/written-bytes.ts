import { PAGE_SIZE } from '../../arch/page.js';

const NOTHING = 0;
/** What has been written is in the frame's bits. */
const SOMETHING = 1;
const EVERYTHING = 2;

/** Bytes that one number of the bits stands for. */
const GROUP_SHIFT = 5;
const GROUP = 1 << GROUP_SHIFT;
const IN_GROUP = GROUP - 1;
const ALL_BITS = -1;

/** Which bytes of each frame have been written since its allocation. */
export class WrittenBytes {
  readonly #extents: Uint8Array;
  /** A bit for each byte; made when a part of the frame is first written, and kept. */
  readonly #bits: (Int32Array | undefined)[] = [];

  constructor(frames: number) {
    this.#extents = new Uint8Array(frames);
  }

  /** Forgets what was written to a frame. */
  clear(frame: number): void {
    this.#extents[frame] = NOTHING;
  }

  /** Notes a write of the bytes from `from` up to, not including, `to`. */
  write(frame: number, from: number, to: number): void {
    if (this.#extents[frame] === EVERYTHING) return;
    if (from === 0 && to === PAGE_SIZE) {
      this.#extents[frame] = EVERYTHING;
      return;
    }
    const bits = (this.#bits[frame] ??= new Int32Array(PAGE_SIZE >>> GROUP_SHIFT));
    if (this.#extents[frame] === NOTHING) bits.fill(0);
    this.#extents[frame] = SOMETHING;
    for (let at = from; at < to; at = nextGroup(at)) bits[at >>> GROUP_SHIFT] |= maskOf(at, to);
  }

  /** Whether all bytes from `from` up to, not including, `to` have been written. */
  has(frame: number, from: number, to: number): boolean {
    const extent = this.#extents[frame];
    if (extent !== SOMETHING) return extent === EVERYTHING;
    const bits = this.#bits[frame];
    if (bits === undefined) return false;
    for (let at = from; at < to; at = nextGroup(at)) {
      const mask = maskOf(at, to);
      if ((bits[at >>> GROUP_SHIFT] & mask) !== mask) return false;
    }
    return true;
  }
}

function nextGroup(at: number): number {
  return (at | IN_GROUP) + 1;
}

/** The bits of the bytes from `at` to `to` that are in the group of `at`. */
function maskOf(at: number, to: number): number {
  const size = Math.min(to, nextGroup(at)) - at;
  return size === GROUP ? ALL_BITS : ((1 << size) - 1) << (at & IN_GROUP);
}

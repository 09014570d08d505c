import type { MemoryImage } from '../image/memory-image.js';
import { HEAP, SITE_BYTES } from './heap-layout.js';

/**
 * Places in the program, each once, in the heap's memory: so every thread can say where another one has allocated. A place
 * has a number; 0 stands for those that found no room.
 */

const START = HEAP.sites * 4;
/** Frames of a place that are kept. */
const FRAMES = 4;
const LENGTH_BYTES = 2;

/** The directory of this module: its frames are not the program's. */
const OWN = new URL('.', import.meta.url).href;
const OWN_PATH = OWN.replace(/^file:\/\//, '');

export class CallSites {
  readonly #image: MemoryImage;
  readonly #numbers = new Map<string, number>();
  #read = 0;

  constructor(image: MemoryImage) {
    this.#image = image;
  }

  /** The number of a place. With the heap's lock held. */
  number(site: string): number {
    this.#readNew();
    return this.#numbers.get(site) ?? this.#add(site);
  }

  /** The place with a number, innermost frame first. */
  text(number: number): string {
    if (number <= 0 || number > SITE_BYTES) return 'unknown place';
    const { u8 } = this.#image;
    const at = START + number - 1;
    const length = u8[at] | (u8[at + 1] << 8);
    return this.#image.readText(at + LENGTH_BYTES, length);
  }

  /** What other threads have added. */
  #readNew(): void {
    const { i32, u8 } = this.#image;
    while (this.#read < i32[HEAP.sites_end]) {
      const at = START + this.#read;
      this.#numbers.set(this.text(this.#read + 1), this.#read + 1);
      this.#read += LENGTH_BYTES + (u8[at] | (u8[at + 1] << 8));
    }
  }

  #add(site: string): number {
    const { i32, u8 } = this.#image;
    const text = new TextEncoder().encode(site);
    const offset = i32[HEAP.sites_end];
    const end = offset + LENGTH_BYTES + text.length;
    if (end > SITE_BYTES) return 0;
    u8[START + offset] = text.length;
    u8[START + offset + 1] = text.length >>> 8;
    u8.set(text, START + offset + LENGTH_BYTES);
    // Last: a thread that dies before has added nothing.
    i32[HEAP.sites_end] = end;
    return offset + 1;
  }
}

/** Where the program is that called the heap. Not with the lock held: a program may have a say in how stacks look. */
export function callSite(): string {
  const frames: string[] = [];
  for (const line of (new Error().stack ?? '').split('\n').slice(1)) {
    if (line.includes(OWN) || line.includes(OWN_PATH) || line.includes('node:')) continue;
    frames.push(line.trim().replace(/^at /, ''));
  }
  return frames.slice(0, FRAMES).join(' < ').slice(0, 1000);
}

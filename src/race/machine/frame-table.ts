import { PAGE_SHIFT, PAGE_WORDS, SECTION_PAGES } from '../../arch/page.js';
import { CPU_AREA } from '../../kernel/core/cpu-area.js';
import { KERNEL } from '../../kernel/core/kernel-data.js';
import { PAGE, PG_reserved } from '../../kernel/mm/page.js';

/** Of a page of the image: it holds nothing that the page allocator hands out, and nothing that tells what it does. */
export const PLACE_OTHER = 0;
/** Of a page of the image: it holds struct pages or CPU areas. */
export const PLACE_CONTROL = -1;
/** Of a word: it is a CPU's `pageInTransit`. */
export const WORD_TRANSIT = -1;

/** The allocator does not have the frame: it is reserved, or a hole. */
export const FRAME_UNWATCHED = 0;
export const FRAME_FREE = 1;
export const FRAME_USED = 2;

const WORD_OF_PAGE = PAGE_WORDS - 1;
const WORDS_SHIFT = PAGE_SHIFT - 2;

/**
 * Where the page allocator's memory and its own data lie in the image of a booted machine, so that an access is known for
 * what it is by one or two look-ups. It does not change while the machine runs.
 */
export class FrameTable {
  /** For each page of the image: the frame it is, if the allocator has it; else `PLACE_*`. */
  readonly places: Int32Array;
  /** For each frame: `FRAME_*`, as boot left it. */
  readonly states: Uint8Array;
  /** For each page of the image that is PLACE_CONTROL, for each word: the frame whose `_count` it is, or `WORD_*`, or 0. */
  readonly #roles: (Int32Array | undefined)[] = [];

  constructor(i32: Int32Array) {
    this.places = new Int32Array(Math.ceil(i32.length / PAGE_WORDS));
    const sections = Math.ceil(i32[KERNEL.max_pfn] / SECTION_PAGES);
    this.states = new Uint8Array(sections * SECTION_PAGES);
    for (let section = 0; section < sections; section++) this.#addSection(i32, section);
    // The console has an area, too.
    for (let cpu = 0; cpu <= i32[KERNEL.nr_cpus]; cpu++) {
      const area = i32[KERNEL.cpu_area + cpu];
      if (area !== 0) this.#setRole(area + CPU_AREA.at.pageInTransit, WORD_TRANSIT);
    }
  }

  /** What a word of a page that is PLACE_CONTROL is: a frame, if it is the frame's `_count`; WORD_TRANSIT; else 0. */
  roleOf(word: number): number {
    return this.#roles[word >>> WORDS_SHIFT]?.[word & WORD_OF_PAGE] ?? 0;
  }

  #addSection(i32: Int32Array, section: number): void {
    const map = i32[KERNEL.section_mem_map + section];
    const memory = i32[KERNEL.section_memory + section];
    if (map === 0 || memory < 0) return;
    for (let i = 0; i < SECTION_PAGES; i++) {
      const frame = section * SECTION_PAGES + i;
      const page = map + frame * PAGE.words;
      if ((i32[page + PAGE.at.flags] & (1 << PG_reserved)) !== 0) continue;
      this.states[frame] = i32[page + PAGE.at._count] === 0 ? FRAME_FREE : FRAME_USED;
      this.places[(memory >>> WORDS_SHIFT) + i] = frame;
      this.#setRole(page + PAGE.at._count, frame);
    }
  }

  #setRole(word: number, role: number): void {
    const place = word >>> WORDS_SHIFT;
    this.places[place] = PLACE_CONTROL;
    (this.#roles[place] ??= new Int32Array(PAGE_WORDS))[word & WORD_OF_PAGE] = role;
  }
}

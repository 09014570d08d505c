import { PAGE_WORDS, WORDS_PER_SECTION } from '../../arch/page.js';
import { KERNEL, SYSTEM_RUNNING } from '../core/kernel-data.js';
import { IMAGE_SECTIONS } from '../core/limits.js';
import { PAGE } from '../mm/page.js';
import { ARRAYS, CACHE_NAME_BYTES, descriptorWords, KMEM_CACHE } from '../slab/kmem-cache.js';
import { RESERVED } from './audit-place.js';
import type { AuditRun, AuditZone } from './audit-run.js';
import type { ObjectPlace } from './audit-violation-slab.js';

/** A cache as the audit sees it. */
export interface AuditCache {
  readonly word: number;
  readonly name: string;
  /** Objects in a slab, words from one to the next, order of a slab. */
  readonly num: number;
  readonly words: number;
  readonly order: number;
  readonly isOffSlab: boolean;
  readonly isReclaimable: boolean;
  /** Its geometry is that which follows from what was asked for. If not, nothing can be told of its slabs. */
  readonly isClear: boolean;
}

/** A slab whose place is known. */
export interface AuditSlab {
  readonly word: number;
  readonly cache: AuditCache;
  readonly node: number;
  /** Slot of the first object. */
  readonly first: number;
  /** Where the marks of its objects begin. */
  readonly marks: number;
}

/** An object, by its slab and its number there. */
export interface AuditObject {
  readonly slab: AuditSlab;
  readonly index: number;
}

/** A structure of the allocator that must lie in an object that nobody else has. */
interface OwnStructure {
  readonly word: number;
  readonly words: number;
  readonly what: string;
}

/** Marks of objects: where they were found. Who is in none of these places is out. */
export const ON_CHAIN = 1;
export const IN_ARRAY = 2;
export const OWN = 3;
export const IN_POOL = 4;

/** In `slabOf`: a page of a slab, but it is not known of which. */
export const SOME_SLAB = -1;

/** log2 of the slots in a frame, and how many. */
const FRAME_SHIFT = 10;
const SLOTS_PER_FRAME = 1 << FRAME_SHIFT;
export const PLACES: readonly ObjectPlace[] = [
  'in use',
  'in a free chain',
  'in an array',
  'in use by the allocator',
  'in use by a memory pool',
];

/** One look at all that the slab allocator has. It writes nothing into the image. */
export class SlabLook {
  readonly run: AuditRun;
  readonly nodes: number;
  /** Of physical memory. */
  readonly slots: number;
  readonly caches: AuditCache[] = [];
  readonly cacheAt = new Map<number, AuditCache>();
  readonly slabs: AuditSlab[] = [];
  /** For each frame: number of its slab in `slabs` plus 1, SOME_SLAB, or 0 when it is of none. */
  readonly slabOf: Int32Array;
  /** Slabs that were reported, so that nothing more can be said of their pages and objects. */
  readonly unclear = new Set<number>();
  readonly own: OwnStructure[] = [];
  marks = new Uint8Array(1 << 14);
  marked = 0;
  /** Every list could be followed: a slab that was not found is in none. */
  complete = true;
  /** A CPU or a task has died, or the machine is over: threads were ended wherever they were, and left things half done. */
  readonly hasTorn: boolean;
  private zone: AuditZone | undefined;

  constructor(run: AuditRun) {
    this.run = run;
    this.nodes = run.firmware?.nodes ?? run.nodes.length;
    this.slots = run.frames * SLOTS_PER_FRAME;
    this.slabOf = new Int32Array(run.frames);
    const { i32 } = run.k;
    const isOver = Atomics.load(i32, KERNEL.system_state) > SYSTEM_RUNNING;
    this.hasTorn = isOver || (i32[KERNEL.cpu_deaths] | i32[KERNEL.task_deaths]) !== 0;
  }

  /** Words of a cache's descriptor. */
  cacheWords(): number {
    return descriptorWords(this.run.cpus, this.nodes, this.run.k.debug);
  }

  /** Word index of a cache's pointer to the lists of a node. */
  listPointer(cache: number, node: number): number {
    return cache + ARRAYS + this.run.cpus + 1 + node;
  }

  /** Word index of a cache's pointer to the array of a CPU. */
  arrayPointer(cache: number, cpu: number): number {
    return cache + ARRAYS + this.run.cpus + 1 + this.nodes + cpu;
  }

  /** Whether memory for so many words is at a word. */
  isMemory(word: number, words: number): boolean {
    return word >= PAGE_WORDS && word + words <= this.run.k.i32.length;
  }

  /** The name of a cache, as far as it can be read. */
  nameOf(cache: number): string {
    const { k } = this.run;
    if (k.f64[(cache + KMEM_CACHE.at.name_pointer) >>> 1] !== 0) return `at word ${cache}`;
    return k.image.readText((cache + KMEM_CACHE.at.name) * 4, CACHE_NAME_BYTES);
  }

  /** Room for the marks of so many objects. */
  room(objects: number): number {
    const start = this.marked;
    this.marked += objects;
    if (this.marked > this.marks.length) {
      const more = new Uint8Array(Math.max(2 * this.marks.length, this.marked));
      more.set(this.marks);
      this.marks = more;
    }
    return start;
  }

  /** The zone of a frame. */
  zoneOf(frame: number): AuditZone | undefined {
    if (this.zone !== undefined && isIn(this.zone, frame)) return this.zone;
    for (const zone of this.run.zones) {
      if (!isIn(zone, frame)) continue;
      this.zone = zone;
      return zone;
    }
    return undefined;
  }

  /** Word index of a frame's struct page, in a zone. */
  pageAt(zone: AuditZone, frame: number): number {
    return zone.map + frame * PAGE.words;
  }

  /** The slot of a word; -1 when it lies in no memory. */
  slotOf(word: number): number {
    const section = Math.floor(word / WORDS_PER_SECTION);
    if (!(section >= 0 && section < IMAGE_SECTIONS)) return -1;
    const slot =
      this.run.k.i32[KERNEL.image_sections + section] * WORDS_PER_SECTION + (word % WORDS_PER_SECTION);
    return slot >= 0 && slot < this.slots ? slot : -1;
  }

  /** The object that begins at a slot, or why none does. */
  objectAt(slot: number): AuditObject | 'unclear' | 'no object' {
    const number = this.slabOf[slot >>> FRAME_SHIFT];
    if (!(number > 0)) return number === SOME_SLAB ? 'unclear' : 'no object';
    const slab = this.slabs[number - 1];
    const index = (slot - slab.first) / slab.cache.words;
    return Number.isInteger(index) && index >= 0 && index < slab.cache.num ? { slab, index } : 'no object';
  }

  /** The object whose user knows it by the byte of a slot: behind the red zone, if it has one. */
  userObjectAt(slot: number): AuditObject | 'unclear' | 'no object' {
    const number = this.slabOf[slot >>> FRAME_SHIFT];
    const before =
      number > 0 ? this.run.k.i32[this.slabs[number - 1].cache.word + KMEM_CACHE.at.obj_offset] : 0;
    return this.objectAt(slot - before / 4);
  }

  /** Where an object is. */
  placeOf({ slab, index }: AuditObject): number {
    return this.marks[slab.marks + index];
  }

  /** Whether a frame was taken at boot. */
  isReserved(frame: number): boolean {
    return this.run.places[frame] === RESERVED;
  }

  /** Notes where an object is: a violation if it is at another place already. */
  mark(object: AuditObject, place: number): void {
    const { slab, index } = object;
    const before = this.marks[slab.marks + index];
    this.marks[slab.marks + index] = place;
    if (before === 0) return;
    const physical = (slab.first + index * slab.cache.words) * 4;
    this.run.report({
      kind: 'object-twice',
      cache: slab.cache.name,
      node: slab.node,
      object: physical,
      first: PLACES[before],
      second: PLACES[place],
    });
  }

  /** Reports a pointer that leads to no such structure. */
  reportStructure(field: string, value: number, problem = 'points to no such structure'): void {
    this.run.report({ kind: 'structure', field, value, problem });
  }
}

function isIn(zone: AuditZone, frame: number): boolean {
  if (!(frame >= zone.start && frame < zone.end)) return false;
  for (const range of zone.ram) if (frame >= range.start && frame < range.end) return true;
  return false;
}

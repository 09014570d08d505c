import { randomBytes } from 'node:crypto';
import { threadId } from 'node:worker_threads';
import { PAGE_SHIFT } from '../arch/page.js';
import { MemoryImage, WORD_INDEX_MASK } from '../image/memory-image.js';
import { describeValue } from '../kernel/core/describe-value.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { PAGE, PAGE_STRUCT_SHIFT, pageOf, PG_arch_1, PG_slab } from '../kernel/mm/page.js';
import { CLASS_SHIFT, CLASS_TABLE, sizeClass } from '../kernel/slab/general-caches.js';
import { ARRAY_CACHE, ARRAYS, ENTRY, KMEM_CACHE } from '../kernel/slab/kmem-cache.js';
import { CFLGS_OFF_SLAB } from '../kernel/slab/slab-flags.js';
import { checkAllocator } from './heap-check.js';
import { HeapCore, LARGEST, type Place } from './heap-core.js';
import { HeapDebug, LARGEST_DEBUG, type LiveObjects, watchAll } from './heap-debug.js';
import { unwatchThreads, watchThreads } from './heap-ends.js';
import { HeapError, type HeapErrorCode, hex } from './heap-error.js';
import { HEAP, HEAP_MAGIC } from './heap-layout.js';
import { type HeapOptions, makeHeapImage } from './heap-machine.js';
import { heapStats, type HeapStats, noteInternal } from './heap-stats.js';
import { isDead, join, leave, memberAt } from './heap-threads.js';

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const INDEX = WORD_INDEX_MASK;
const AVAIL = ARRAY_CACHE.at.avail;
const LIMIT = ARRAY_CACHE.at.limit;
const FIRST = ENTRY;
const ARRAY_TABLE = ARRAYS;
const STEP_SHIFT = CLASS_SHIFT;
const STEP_ROUND = (1 << CLASS_SHIFT) - 1;
const STEPS = CLASS_TABLE.length - 1;
const FRAME_SHIFT = PAGE_SHIFT;
const STRUCT_SHIFT = PAGE_STRUCT_SHIFT;
const FLAGS = PAGE.at.flags;
const LRU = PAGE.at.lru;
const SLAB_BIT = 1 << PG_slab;
/** Flag of a page: there may be pointers into the middle of its objects, from `aligned`. */
const INNER_BIT = 1 << PG_arch_1;
const SLAB_AND_INNER = SLAB_BIT | INNER_BIT;

/** All objects of at least this size begin at a multiple of it; smaller ones at a multiple of half of it. */
const NATURAL_ALIGNMENT = 64;

/** What another thread needs to attach to a heap: a plain object for `postMessage` and `workerData`. */
export interface HeapHandle {
  readonly type: 'gfp-heap';
  readonly buffer: SharedArrayBuffer;
}

/** A kind of typed array. */
export interface ViewType<View> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: SharedArrayBuffer, byteOffset: number, length: number): View;
}

/** What {@link SharedHeap.check} found. */
export interface HeapReport {
  /** What is wrong, a line each. */
  readonly problems: readonly string[];
  /** What is allocated, by place in the program and thread, the most bytes first. Only with `debug`. */
  readonly live: readonly LiveObjects[];
}

/**
 * The memory of a heap.
 *
 * @throws HeapError when a handle is none
 */
function imageOf(handle: unknown): MemoryImage {
  const refuse = (given: string): never => {
    throw new HeapError(
      'NO_HEAP',
      `SharedHeap.attach() takes what \`heap.handle\` is in the other thread, not ${given}`,
    );
  };
  if (typeof handle !== 'object' || handle === null) return refuse(describeValue(handle));
  const { buffer } = handle as { readonly buffer?: unknown };
  if (!(buffer instanceof SharedArrayBuffer))
    return refuse('an object whose `buffer` is no SharedArrayBuffer');
  const mayBe = buffer.byteLength > HEAP.sites * 4 && buffer.byteLength % 8 === 0;
  const image = mayBe ? new MemoryImage(buffer) : undefined;
  if (image !== undefined && Atomics.load(image.i32, HEAP.magic) === HEAP_MAGIC) return image;
  return refuse('an object whose `buffer` is the memory of no heap');
}

function isViewType(type: unknown): boolean {
  return typeof type === 'function' && 'BYTES_PER_ELEMENT' in type;
}

/** The heaps that this thread has, by their number. */
const heaps = new Map<number, SharedHeap>();

/**
 * Memory that all threads of a Node process allocate and free together: an object that one thread allocated, another one can
 * use and free. A pointer is an integer, the same in every thread: the offset in the shared buffer; 0 is none.
 *
 * Most requests are served from an array of free objects that belongs to the thread alone, without a lock. A thread may end
 * at any time, also by `worker.terminate()` in the middle of an allocation: others repair what it leaves behind. What it had
 * allocated stays allocated.
 */
export class SharedHeap {
  private readonly i32: Int32Array;
  private readonly core: HeapCore;
  private readonly debug: HeapDebug | undefined;
  /** Word index of this thread's array of free objects, by the steps of a size, and by its class. */
  private readonly arrays: Int32Array;
  private readonly classArrays: Int32Array;
  /** Word index of the struct page of frame 0; number of frames, 0 once the heap is closed. */
  private readonly pages: number;
  private frames: number;
  private readonly place: number;
  /** Kept, so that the same object goes to all threads. */
  private readonly ownHandle: HeapHandle;

  private constructor(core: HeapCore, handle: HeapHandle) {
    const { image, kernel } = core;
    this.core = core;
    this.i32 = image.i32;
    this.place = core.membership.place;
    this.pages = pageOf(image.i32, 0);
    this.frames = image.i32[KERNEL.max_pfn];
    this.debug = image.i32[HEAP.debug] === 0 ? undefined : new HeapDebug(core);
    this.classArrays = Int32Array.from(core.general, (cache) => image.i32[cache + ARRAY_TABLE + kernel.cpu]);
    this.arrays = Int32Array.from(CLASS_TABLE, (index) => this.classArrays[index] ?? KERNEL.no_array);
    // An array that nobody has used is filled with less at a time.
    for (const array of this.classArrays)
      if (array !== KERNEL.no_array) image.i32[array + ARRAY_CACHE.at.touched] = 1;
    this.ownHandle = handle;
  }

  /**
   * A new heap.
   *
   * @param options `size` is required
   * @throws RangeError for options that cannot be; it names the option, and what would be right
   */
  static create(options: HeapOptions): SharedHeap {
    const image = makeHeapImage(options);
    const core = new HeapCore(image, join(image));
    if (options.debug === true) watchAll(core.kernel, core.caches);
    noteInternal(core);
    image.f64[HEAP.id >>> 1] = randomBytes(6).readUIntBE(0, 6);
    Atomics.store(image.i32, HEAP.magic, HEAP_MAGIC);
    return SharedHeap.#add(core, { type: 'gfp-heap', buffer: image.buffer });
  }

  /**
   * The heap of another thread. A thread that has it already gets what it has.
   *
   * @param handle the other thread's {@link handle}
   * @throws HeapError when it is none, or when as many threads have the heap as it was made for
   */
  static attach(handle: HeapHandle): SharedHeap {
    const image = imageOf(handle);
    const known = heaps.get(image.f64[HEAP.id >>> 1]);
    if (known !== undefined) return known;
    const core = new HeapCore(image, join(image));
    // What the thread left in its arrays that had the place before.
    core.lock.run(() => core.drainPlace(core.membership.place));
    return SharedHeap.#add(core, { type: 'gfp-heap', buffer: image.buffer });
  }

  static #add(core: HeapCore, handle: HeapHandle): SharedHeap {
    const heap = new SharedHeap(core, handle);
    heaps.set(core.image.f64[HEAP.id >>> 1], heap);
    watchThreads(core.image);
    return heap;
  }

  /** For other threads: see {@link SharedHeap.attach}. */
  get handle(): HeapHandle {
    return this.ownHandle;
  }

  /** The shared memory: a pointer is an offset in it. */
  get buffer(): SharedArrayBuffer {
    return this.ownHandle.buffer;
  }

  /** The most bytes that one allocation can have: 4 MiB. */
  get largest(): number {
    return this.debug === undefined ? LARGEST : LARGEST_DEBUG;
  }

  /**
   * `bytes` of memory, not cleared, at a multiple of 32; of 64 from 33 bytes on.
   *
   * @returns a pointer; 0 when there is no memory
   * @throws RangeError when `bytes` is no integer from 0 to {@link largest}
   */
  malloc(bytes: number): number {
    if (bytes >>> 0 === bytes && bytes >>> STEP_SHIFT < STEPS) {
      const { i32 } = this;
      const array = this.arrays[(bytes + STEP_ROUND) >>> STEP_SHIFT] & INDEX;
      const left = i32[array + AVAIL] - 1;
      if (left >= 0) {
        i32[array + AVAIL] = left;
        return (i32[array + FIRST + left] << 2) >>> 0;
      }
    }
    return this.mallocAny(bytes);
  }

  /** {@link malloc} of any size. */
  private mallocAny(bytes: number): number {
    this.checkSize(bytes);
    if (this.debug !== undefined) return this.debug.malloc(bytes, 1, threadId);
    const size = bytes === 0 ? 1 : bytes;
    const { i32 } = this;
    const array = this.classArrays[sizeClass(size)] & INDEX;
    const left = i32[array + AVAIL] - 1;
    if (left < 0) return this.core.allocate(size);
    i32[array + AVAIL] = left;
    return (i32[array + FIRST + left] << 2) >>> 0;
  }

  /**
   * `count` elements of `bytes` each, cleared. As {@link malloc}.
   *
   * @throws RangeError also when the product is too large
   */
  calloc(count: number, bytes: number): number {
    if (!(Number.isInteger(count) && count >= 0))
      throw new RangeError(`${describeValue(count)} elements: must be an integer, 0 or more`);
    if (!(Number.isInteger(bytes) && bytes >= 0)) this.checkSize(bytes);
    const size = count * bytes;
    const pointer = this.malloc(size);
    if (pointer !== 0) this.core.image.u8.fill(0, pointer, pointer + size);
    return pointer;
  }

  /**
   * `bytes` of memory at a multiple of `alignment`. As {@link malloc}.
   *
   * @param alignment a power of two. Beyond 64 it may take up to that many bytes more
   * @throws RangeError also when both together are more than {@link largest}
   */
  aligned(bytes: number, alignment: number): number {
    this.checkSize(bytes);
    if (!(Number.isInteger(alignment) && alignment >= 1 && Number.isInteger(Math.log2(alignment))))
      throw new RangeError(`alignment ${describeValue(alignment)}: must be a power of two`);
    if (this.debug !== undefined) {
      this.checkSize(bytes + alignment);
      return this.debug.malloc(bytes, alignment, threadId);
    }
    const least = Math.max(bytes, Math.min(alignment, NATURAL_ALIGNMENT), 1);
    if (alignment <= NATURAL_ALIGNMENT || this.isAligned(least, alignment)) return this.malloc(least);
    const pointer = this.malloc(least + alignment - NATURAL_ALIGNMENT);
    const inner = Math.ceil(pointer / alignment) * alignment;
    // From here on every pointer into the page is looked at.
    if (inner !== pointer) Atomics.or(this.i32, pageOf(this.i32, inner >>> FRAME_SHIFT) + FLAGS, INNER_BIT);
    return inner;
  }

  /** Whether all objects that hold `bytes` begin at multiples of `alignment`. */
  private isAligned(bytes: number, alignment: number): boolean {
    const { i32 } = this;
    const cache = this.core.general[sizeClass(bytes)];
    const { flags, buffer_size, gfporder, colour } = KMEM_CACHE.at;
    return (
      (i32[cache + flags] & CFLGS_OFF_SLAB) !== 0 &&
      i32[cache + colour] <= 1 &&
      i32[cache + buffer_size] % alignment === 0 &&
      1 << (i32[cache + gfporder] + FRAME_SHIFT) >= alignment
    );
  }

  /**
   * Makes an allocation larger or smaller. What both have in common stays. The memory moves where it is not large enough.
   *
   * @param pointer 0: as {@link malloc}
   * @returns a pointer; 0 when there is no memory: then the old one stays as it was
   * @throws RangeError as malloc, HeapError as {@link free}
   */
  realloc(pointer: number, bytes: number): number {
    if (pointer === 0) return this.malloc(bytes);
    this.checkSize(bytes);
    const before = this.sizeOf(pointer, 'DOUBLE_FREE');
    if (bytes <= before && this.debug === undefined) return pointer;
    const moved = this.malloc(bytes);
    if (moved === 0) return 0;
    this.core.image.u8.copyWithin(moved, pointer, pointer + Math.min(before, bytes));
    this.free(pointer);
    return moved;
  }

  /**
   * Frees what any thread has allocated; 0 is ignored.
   *
   * @throws HeapError when the pointer is none of this heap. Without `debug` this is not noticed of every pointer, and of one that
   *   was freed before it is not noticed at all
   */
  free(pointer: number): void {
    const frame = pointer >>> FRAME_SHIFT;
    if (pointer >>> 0 === pointer && (pointer & STEP_ROUND) === 0 && frame < this.frames) {
      const { i32 } = this;
      const page = (this.pages + (frame << STRUCT_SHIFT)) & INDEX;
      if ((i32[page + FLAGS] & SLAB_AND_INNER) === SLAB_BIT) {
        const array = i32[(i32[page + LRU] & INDEX) + ARRAY_TABLE + this.place] & INDEX;
        const avail = i32[array + AVAIL];
        if (avail < i32[array + LIMIT]) {
          i32[array + FIRST + avail] = pointer >>> 2;
          i32[array + AVAIL] = avail + 1;
          return;
        }
      }
    }
    this.freeSlow(pointer);
  }

  private freeSlow(pointer: number): void {
    if (pointer === 0) return;
    this.checkOpen();
    if (this.debug !== undefined) {
      this.debug.free(pointer, threadId);
      return;
    }
    const place = this.locate(pointer);
    const { i32 } = this;
    const array = i32[place.cache + ARRAY_TABLE + this.place] & INDEX;
    const avail = i32[array + AVAIL];
    if (avail < i32[array + LIMIT]) {
      i32[array + FIRST + avail] = place.start >>> 2;
      i32[array + AVAIL] = avail + 1;
    } else this.core.release(place);
  }

  /**
   * Bytes behind a pointer that its user may use: at least those asked for; with `debug` exactly those.
   *
   * @throws HeapError as {@link free}
   */
  usableSize(pointer: number): number {
    return this.sizeOf(pointer, 'USE_AFTER_FREE');
  }

  private sizeOf(pointer: number, ifFree: HeapErrorCode): number {
    this.checkOpen();
    if (this.debug !== undefined) return this.debug.usableSize(pointer, ifFree);
    const { start, size } = this.locate(pointer);
    return size - (pointer - start);
  }

  /** The object that a pointer is of. */
  private locate(pointer: number): Place {
    const place = this.core.locate(pointer);
    const isInner = (this.i32[pageOf(this.i32, pointer >>> FRAME_SHIFT) + FLAGS] & INNER_BIT) !== 0;
    if (pointer !== place.start && !(isInner && pointer % NATURAL_ALIGNMENT === 0))
      throw new HeapError('WILD_POINTER', `${hex(pointer)} points into the middle of an object`, pointer);
    return place;
  }

  /**
   * The bytes behind a pointer: a view of the shared memory itself.
   *
   * @param length default: all that is usable
   * @throws HeapError as {@link free}; RangeError when there are not so many
   */
  bytes(pointer: number, length?: number): Uint8Array<SharedArrayBuffer> {
    return this.view<Uint8Array<SharedArrayBuffer>>(pointer, Uint8Array, length);
  }

  /**
   * The memory behind a pointer as a typed array: a view of the shared memory itself.
   *
   * @param type such as `Int32Array` or `Float64Array`
   * @param length elements; default: as many as are usable
   * @throws HeapError as {@link free}; RangeError when there are not so many; TypeError for another type
   */
  view<View>(pointer: number, type: ViewType<View>, length?: number): View {
    if (!isViewType(type))
      throw new TypeError(
        `view of ${describeValue(type)}: must be a kind of typed array, such as Int32Array`,
      );
    const most = Math.floor(this.usableSize(pointer) / type.BYTES_PER_ELEMENT);
    const count = length ?? most;
    if (!(Number.isInteger(count) && count >= 0 && count <= most))
      throw new RangeError(
        `length ${describeValue(count)}: there is memory for ${most} elements at ${hex(pointer)}`,
      );
    return new type(this.buffer, pointer, count);
  }

  /** What the heap holds. Waits for who is inside the allocator; takes milliseconds. */
  stats(): HeapStats {
    this.checkOpen();
    return heapStats(this.core);
  }

  /**
   * Looks at everything. Waits for who is inside the allocator; takes milliseconds.
   *
   * The allocator's lists and counts are checked against its memory. With `debug` so are the red zones around every allocation and
   * the poison in free memory, and what is allocated is listed by the place in the program that allocated it: what should
   * have been freed by now is a leak.
   */
  check(): HeapReport {
    this.checkOpen();
    const { core } = this;
    return core.lock.run(() => {
      core.buryDead();
      // Threads change their arrays without a lock, but for debugging ones.
      const isQuiet = (place: number): boolean =>
        this.debug !== undefined || place === this.place || memberAt(core.image, place) === 0;
      const quiet = core.places().filter((place) => isQuiet(place) || isDead(core.image, place));
      const problems = checkAllocator(core.kernel, core.caches, quiet);
      const { problems: misuse, live } = this.debug?.inspect() ?? { problems: [], live: [] };
      return { problems: [...problems, ...misuse], live };
    });
  }

  /**
   * Gives up the heap on this thread: another thread can attach in its place. A thread that ends need not do it. What it has
   * allocated stays allocated.
   */
  close(): void {
    if (this.frames === 0) return;
    const { core } = this;
    core.lock.run(() => core.drainPlace(this.place));
    this.frames = 0;
    this.arrays.fill(KERNEL.no_array);
    this.classArrays.fill(KERNEL.no_array);
    heaps.delete(core.image.f64[HEAP.id >>> 1]);
    unwatchThreads(core.image);
    leave(core.image, core.membership);
  }

  private checkSize(bytes: number): void {
    this.checkOpen();
    if (!(Number.isInteger(bytes) && bytes >= 0 && bytes <= this.largest))
      throw new RangeError(
        `allocation of ${describeValue(bytes)} bytes: must be an integer from 0 to ${this.largest}`,
      );
  }

  private checkOpen(): void {
    if (this.frames === 0) throw new HeapError('CLOSED', 'the heap was closed on this thread');
  }
}

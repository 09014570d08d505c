/**
 * Where shared memory lies for the explorer: every SharedArrayBuffer of a scenario has a range of byte addresses of its
 * own, the first one from 0. Views of any width and offset translate to them, so that overlaps are seen.
 */

/** How a view maps to addresses. */
export interface ViewInfo {
  readonly view: ArrayBufferView;
  /** Address of the view's first byte. */
  readonly base: number;
  /** log2 of the bytes of an element; 0 for a DataView. */
  readonly shift: number;
  /** Elements. */
  readonly length: number;
  /** `i32`, `u8`, ...: how reports call it. */
  readonly name: string;
}

interface SharedRange {
  readonly buffer: SharedArrayBuffer;
  readonly start: number;
  readonly end: number;
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
}

/** Ranges begin at multiples of this, so that no word belongs to two buffers. */
const RANGE_ALIGN = 64;

const VIEW_NAMES: Readonly<Record<string, string>> = {
  Int8Array: 'i8',
  Uint8Array: 'u8',
  Uint8ClampedArray: 'u8c',
  Int16Array: 'i16',
  Uint16Array: 'u16',
  Int32Array: 'i32',
  Uint32Array: 'u32',
  Float32Array: 'f32',
  Float64Array: 'f64',
  BigInt64Array: 'i64',
  BigUint64Array: 'u64',
  DataView: 'dataView',
};

export class AddressMap {
  /** Words of the first buffer: nearly all accesses are there. */
  readonly main: Int32Array;
  readonly #ranges: SharedRange[] = [];
  readonly #views = new WeakMap<ArrayBufferView, ViewInfo | null>();
  #end = 0;
  // Most accesses are to the view of the access before.
  #lastView: unknown = null;
  #lastInfo: ViewInfo | null = null;

  /** @param main all words of the first buffer, as the program itself sees them: so that its accesses are recognised */
  constructor(main: Int32Array<SharedArrayBuffer>) {
    this.#addRange(main.buffer);
    this.main = main;
  }

  /** First address behind all that is known. */
  get end(): number {
    return this.#end;
  }

  /** How a value maps to addresses, or null when it is no view of shared memory. */
  infoOf(value: unknown): ViewInfo | null {
    if (value === this.#lastView) return this.#lastInfo;
    if (!ArrayBuffer.isView(value)) return null;
    const info = this.#lookUp(value);
    this.#lastView = value;
    this.#lastInfo = info;
    return info;
  }

  #lookUp(value: ArrayBufferView): ViewInfo | null {
    const known = this.#views.get(value);
    if (known !== undefined) return known;
    const info = this.#describe(value);
    this.#views.set(value, info);
    return info;
  }

  #describe(view: ArrayBufferView): ViewInfo | null {
    const { buffer } = view;
    if (!(buffer instanceof SharedArrayBuffer)) return null;
    const range = this.#ranges.find((known) => known.buffer === buffer) ?? this.#addRange(buffer);
    const bytes = 'BYTES_PER_ELEMENT' in view ? Number(view.BYTES_PER_ELEMENT) : 1;
    return {
      view,
      base: range.start + view.byteOffset,
      shift: Math.log2(bytes),
      length: view.byteLength / bytes,
      name: VIEW_NAMES[view.constructor.name] ?? view.constructor.name,
    };
  }

  #addRange(buffer: SharedArrayBuffer): SharedRange {
    const start = this.#end;
    const end = start + buffer.byteLength;
    const i32 = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
    const range = { buffer, start, end, i32, u8: new Uint8Array(buffer) };
    this.#ranges.push(range);
    this.#end = Math.ceil(Math.max(end, start + 1) / RANGE_ALIGN) * RANGE_ALIGN;
    return range;
  }

  /** The word at a word address; what lies behind the end of a buffer reads as 0. */
  wordAt(word: number): number {
    if (word < this.main.length) return this.main[word];
    const range = this.#rangeOf(word * 4);
    const index = word - range.start / 4;
    if (index < range.i32.length) return range.i32[index];
    let tail = 0;
    for (let at = index * 4; at < range.u8.length; at++) tail |= range.u8[at] << ((at & 3) * 8);
    return tail;
  }

  /** Puts a word back. */
  setWord(word: number, value: number): void {
    if (word < this.main.length) {
      this.main[word] = value;
      return;
    }
    const range = this.#rangeOf(word * 4);
    const index = word - range.start / 4;
    if (index < range.i32.length) range.i32[index] = value;
    else for (let at = index * 4; at < range.u8.length; at++) range.u8[at] = value >>> ((at & 3) * 8);
  }

  /** A name for an address when nobody knows a better one: of the widest view that fits. */
  plainName(address: number, info: ViewInfo | null): string {
    if (info === null) return `byte ${address}`;
    return `${info.name}[${(address - info.base) >> info.shift}]`;
  }

  #rangeOf(address: number): SharedRange {
    for (const range of this.#ranges) if (address >= range.start && address < range.end) return range;
    throw new RangeError(`address ${address} is in no shared memory`);
  }
}

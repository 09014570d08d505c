import { afterEach, describe, expect, it } from 'vitest';
import { HeapError, SharedHeap } from '../../src/heap/index.js';

const MIB = 1024 ** 2;

describe('a heap on one thread', () => {
  let heap: SharedHeap;
  const create = (debug = false, size = 8 * MIB): SharedHeap =>
    (heap = SharedHeap.create({ size, threads: 2, debug }));
  afterEach(() => heap.close());

  const code = (work: () => unknown): string => {
    try {
      work();
    } catch (error) {
      if (error instanceof HeapError) return error.code;
      throw error;
    }
    return 'none';
  };

  it('gives memory of every size, each byte once', () => {
    create();
    const owners = new Map<number, number>();
    const sizes = [0, 1, 31, 32, 33, 100, 192, 193, 500, 512, 513, 2000, 4096, 5000, 100_000, MIB];
    for (const size of sizes) {
      for (let i = 0; i < 3; i++) {
        const pointer = heap.malloc(size);
        expect(pointer).toBeGreaterThan(0);
        expect(pointer % (size > 32 ? 64 : 32)).toBe(0);
        expect(heap.usableSize(pointer)).toBeGreaterThanOrEqual(size);
        heap.bytes(pointer).fill(owners.size + 1);
        owners.set(pointer, owners.size + 1);
      }
    }
    for (const [pointer, value] of owners) {
      expect(heap.bytes(pointer).every((byte) => byte === value)).toBe(true);
      heap.free(pointer);
    }
    expect(heap.check().problems).toEqual([]);
    expect(heap.stats().used).toBe(0);
  });

  it('gives back what was freed, also as memory of another size', () => {
    create();
    const before = heap.stats().free;
    for (const size of [256, 4 * MIB, 1024, 3 * MIB]) {
      const pointers: number[] = [];
      for (;;) {
        const pointer = heap.malloc(size);
        if (pointer === 0) break;
        pointers.push(pointer);
      }
      expect(pointers.length * size).toBeGreaterThan(size >= 3 * MIB ? size - 1 : 0.85 * before);
      for (const pointer of pointers) heap.free(pointer);
    }
    expect(heap.stats().used).toBe(0);
    expect(heap.check().problems).toEqual([]);
  });

  it('clears, moves and aligns', () => {
    create();
    const dirty = heap.malloc(100);
    heap.bytes(dirty).fill(0xff);
    heap.free(dirty);
    const clear = heap.calloc(25, 4);
    expect(clear).toBe(dirty);
    expect([...heap.bytes(clear, 100)].every((byte) => byte === 0)).toBe(true);
    const text = heap.view(clear, Int32Array, 25);
    text.forEach((_, i) => (text[i] = i));
    const moved = heap.realloc(clear, 10_000);
    expect([...heap.view(moved, Int32Array, 25)]).toEqual([...text]);
    expect(heap.realloc(moved, 5)).toBe(moved);
    const aligned = [1, 8, 64, 128, 4096, 65536].flatMap((alignment) =>
      [1, 100, 4000, 70_000].map((size) => [heap.aligned(size, alignment), size, alignment] as const),
    );
    for (const [pointer, size, alignment] of aligned) {
      expect(pointer % alignment).toBe(0);
      expect(heap.usableSize(pointer)).toBeGreaterThanOrEqual(size);
      heap.bytes(pointer, size).fill(7);
    }
    const [last] = aligned.at(-1)!;
    const grown = heap.realloc(last, 200_000);
    expect(heap.bytes(grown, 70_000).every((byte) => byte === 7)).toBe(true);
    for (const [pointer] of aligned.slice(0, -1)) heap.free(pointer);
    heap.free(grown);
    heap.free(moved);
    expect(heap.stats().used).toBe(0);
    expect(heap.check().problems).toEqual([]);
  });

  it.each<[unknown, string]>([
    [
      undefined,
      'SharedHeap.create() takes an object with `size`, bytes, an integer from 4194304 (4 MiB) to ',
    ],
    [8 * MIB, '(4 GiB); not 8388608'],
    [{}, 'heap size undefined: must be bytes, an integer from 4194304 (4 MiB) to 4294967296 (4 GiB)'],
    [{ size: '64M' }, 'heap size "64M": must be '],
    [{ size: 8 * MIB + 0.5 }, 'heap size 8388608.5: must be '],
    [{ size: 8 * MIB, threads: 0 }, 'heap threads 0: must be an integer from 1 to 256'],
    [{ size: 8 * MIB, threads: '4' }, 'heap threads "4": must be '],
    [{ size: 8 * MIB, debug: 1 }, 'heap debug 1: must be true or false'],
    [{ size: 8 * MIB, thread: 4 }, 'heap thread: there is no such option; there are size, threads, debug'],
  ])('is not made with %j', (options, message) => {
    expect(() => SharedHeap.create(options as never)).toThrow(RangeError);
    expect(() => SharedHeap.create(options as never)).toThrow(message);
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'undefined'],
    ['a text', 'heap', '"heap"'],
    ['an empty object', {}, 'an object whose `buffer` is no SharedArrayBuffer'],
    ['a buffer of one thread', { buffer: new ArrayBuffer(64) }, 'is no SharedArrayBuffer'],
    ['a small buffer', { buffer: new SharedArrayBuffer(64) }, 'is the memory of no heap'],
    ['a buffer of odd size', { buffer: new SharedArrayBuffer(4 * MIB + 3) }, 'is the memory of no heap'],
    ['another buffer', { buffer: new SharedArrayBuffer(4 * MIB) }, 'is the memory of no heap'],
  ])('has no handle that is %s', (_, handle, message) => {
    const attach = () => SharedHeap.attach(handle as never);
    expect(code(attach)).toBe('NO_HEAP');
    expect(attach).toThrow('SharedHeap.attach() takes what `heap.handle` is in the other thread, not ');
    expect(attach).toThrow(message);
  });

  it('takes no bad arguments', () => {
    create();
    for (const bytes of [-1, 1.5, 33.5, NaN, Infinity, 4 * MIB + 1, '5' as unknown as number])
      expect(() => heap.malloc(bytes), String(bytes)).toThrow(RangeError);
    expect(() => heap.calloc(-1, -1)).toThrow(RangeError);
    expect(() => heap.calloc(1 << 20, 1 << 20)).toThrow(RangeError);
    expect(() => heap.calloc(0.5, 64)).toThrow('0.5 elements: must be an integer, 0 or more');
    expect(() => heap.calloc(2, 0.5)).toThrow(
      'allocation of 0.5 bytes: must be an integer from 0 to 4194304',
    );
    expect(() => heap.malloc('5' as unknown as number)).toThrow('allocation of "5" bytes: ');
    expect(() => heap.view(heap.malloc(32), DataView as never)).toThrow(
      'view of the function DataView: must be a kind of typed array, such as Int32Array',
    );
    expect(() => heap.aligned(5, 3)).toThrow(RangeError);
    expect(() => heap.view(heap.malloc(32), Int32Array, 9)).toThrow(RangeError);
    expect(() => SharedHeap.create({ size: 1000 })).toThrow(RangeError);
    expect(() => SharedHeap.create({ size: 4 * MIB, threads: 256 })).toThrow(/too small for 256 threads/);
    expect(code(() => SharedHeap.attach({} as never))).toBe('NO_HEAP');
    for (const pointer of [
      -32,
      1.5,
      NaN,
      2 ** 40,
      2 ** 32 + 0x200000,
      0xb0000,
      0x100000,
      heap.malloc(100) + 16,
    ])
      expect(
        code(() => heap.free(pointer)),
        String(pointer),
      ).toBe('WILD_POINTER');
    expect(code(() => heap.realloc(64, 5))).toBe('WILD_POINTER');
    expect(heap.check().problems).toEqual([]);
  });

  it('is one heap for a thread, until it is closed', () => {
    create();
    expect(SharedHeap.attach(structuredClone(heap.handle))).toBe(heap);
    const pointer = heap.malloc(100);
    heap.close();
    expect(code(() => heap.malloc(100))).toBe('CLOSED');
    expect(code(() => heap.free(pointer))).toBe('CLOSED');
    const again = SharedHeap.attach(heap.handle);
    expect(again).not.toBe(heap);
    again.free(pointer);
    expect(again.stats().used).toBe(0);
    heap = again;
  });

  it('gives a place to as many threads as it was made for', () => {
    create();
    const other = SharedHeap.create({ size: 4 * MIB, threads: 1 });
    const { handle } = other;
    expect(other.stats().threads).toEqual({ limit: 1, attached: [0] });
    other.close();
    SharedHeap.attach(handle).close();
  });

  describe('that watches for misuse', () => {
    it('says who wrote beyond the ends of memory', () => {
      create(true);
      const behind = heap.malloc(13);
      expect(heap.usableSize(behind)).toBe(13);
      const { u8 } = { u8: new Uint8Array(heap.buffer) };
      u8[behind + 13] = 0;
      expect(heap.check().problems).toEqual([
        expect.stringMatching(/byte 1 behind the last of its 13; .*shared-heap\.test/),
      ]);
      expect(code(() => heap.free(behind))).toBe('OUT_OF_BOUNDS');
      const before = heap.aligned(100, 256);
      u8[before - 3] = 0;
      expect(heap.check().problems).toEqual([expect.stringMatching(/byte 3 before the first/)]);
      expect(code(() => heap.free(before))).toBe('OUT_OF_BOUNDS');
      expect(heap.check()).toEqual({ problems: [], live: [] });
    });

    it('says who uses memory that is free', () => {
      create(true);
      const pointer = heap.malloc(64);
      heap.free(pointer);
      expect(code(() => heap.free(pointer))).toBe('DOUBLE_FREE');
      expect(code(() => heap.realloc(pointer, 100))).toBe('DOUBLE_FREE');
      expect(code(() => heap.bytes(pointer))).toBe('USE_AFTER_FREE');
      new Uint8Array(heap.buffer)[pointer + 20] = 1;
      expect(heap.check().problems).toEqual([
        expect.stringMatching(/wrote to free memory.*was freed by thread 0 at .*shared-heap/),
      ]);
      expect(code(() => heap.malloc(64))).toBe('USE_AFTER_FREE');
      expect(heap.malloc(64)).toBe(pointer);
      expect(code(() => heap.free(pointer + 32))).toBe('WILD_POINTER');
      expect(heap.check().problems).toEqual([]);
    });

    it('lists what is allocated, by place', () => {
      create(true);
      const leak = (): number => heap.malloc(100);
      const pointers = Array.from({ length: 3 }, leak);
      heap.free(pointers[0]);
      const kept = heap.realloc(heap.malloc(10), 1000);
      const { live, problems } = heap.check();
      expect(problems).toEqual([]);
      expect(live.map(({ thread, count, bytes }) => [thread, count, bytes])).toEqual([
        [0, 1, 1000],
        [0, 2, 200],
      ]);
      expect(live[0].pointer).toBe(kept);
      expect(pointers.slice(1)).toContain(live[1].pointer);
      expect(live[0].site).toMatch(/shared-heap\.test/);
      expect(live[1].site).toMatch(/^leak .*shared-heap\.test/);
    });

    it('serves as much as others do', () => {
      create(true);
      for (const size of [3000, heap.largest, 20_000]) {
        const pointers: number[] = [];
        for (let pointer = heap.malloc(size); pointer !== 0; pointer = heap.malloc(size))
          pointers.push(pointer);
        expect(pointers.length * size).toBeGreaterThan(3 * MIB);
        for (const pointer of pointers) heap.free(pointer);
        expect(heap.check()).toEqual({ problems: [], live: [] });
      }
    });
  });
});

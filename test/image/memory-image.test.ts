import { describe, expect, test } from 'vitest';
import { MAX_IMAGE_BYTES, MemoryImage } from '../../src/image/memory-image.js';

describe('the memory image', () => {
  test('all views show the same bytes', () => {
    const image = MemoryImage.create(64);
    image.u32[2] = 0x81020304;
    expect(image.i32[2]).toBe(0x81020304 | 0);
    expect(Array.from(image.u8.subarray(8, 12))).toEqual([4, 3, 2, 0x81]);
    expect(image.u16[5]).toBe(0x8102);
    image.f64[1] = 1.5;
    expect(image.u32[3]).toBe(0x3ff80000);
  });

  test('a second image on the same buffer is the same memory', () => {
    const image = MemoryImage.create(64);
    const other = new MemoryImage(image.buffer);
    image.i32[5] = 77;
    expect(other.i32[5]).toBe(77);
  });

  test('4 GiB can be had, and costs nothing until touched', () => {
    const before = process.memoryUsage().rss;
    const image = MemoryImage.create(MAX_IMAGE_BYTES);
    image.i32[MAX_IMAGE_BYTES / 4 - 1] = 1;
    expect(image.u8[MAX_IMAGE_BYTES - 4]).toBe(1);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 ** 2);
  });

  test.each([0, -8, 12, 4.5, Number.NaN, MAX_IMAGE_BYTES + 8])('a size of %d is refused', (size) => {
    expect(() => MemoryImage.create(size)).toThrow(RangeError);
    expect(() => MemoryImage.create(size)).toThrow(`image size ${size}`);
  });

  test('text is read back up to its NUL or its limit', () => {
    const image = MemoryImage.create(64);
    expect(image.writeText(8, 16, 'swapper/0')).toBe(9);
    expect(image.readText(8, 16)).toBe('swapper/0');
    expect(image.readText(8, 4)).toBe('swap');
  });

  test('text is cut to leave room for its NUL, and touches nothing behind it', () => {
    const image = MemoryImage.create(64);
    image.u8.fill(0xff);
    expect(image.writeText(8, 4, 'abcdef')).toBe(3);
    expect(Array.from(image.u8.subarray(7, 13))).toEqual([0xff, 97, 98, 99, 0, 0xff]);
  });

  test('text may hold any character', () => {
    const image = MemoryImage.create(64);
    image.writeText(0, 32, 'Größe µ');
    expect(image.readText(0, 32)).toBe('Größe µ');
  });
});

import { describe, expect, test } from 'vitest';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { MAX_PERCPU_CHUNKS } from '../../../src/kernel/core/limits.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import { PERCPU_MAX_BYTES, percpuBytes } from '../../../src/kernel/mm/percpu-alloc.js';
import { array, int, long } from '../../../src/kernel/mm/percpu-types.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../../support/boot-in-process.js';
import { drainAll } from '../../support/zones.js';

/** Pages of a chunk on a machine of four CPUs: 16 KiB each, and one. */
const CHUNK_PAGES = 4 * 4 + 1;

function freePages({ k, cpus }: LoneMachine): number {
  drainAll(cpus);
  return audit(k).frames.free;
}

/** Word index to node: the machine of these tests has 32 MiB on each. */
function nodeOf(word: number): number {
  return word < 2 ** 23 ? 0 : 1;
}

describe('alloc_percpu', () => {
  test('gives every CPU a copy, zeroed, on its own node', () => {
    const { k } = bootInProcess();
    const p = k.alloc_percpu(array(int, 8));
    expect(p).toBeLessThan(0);
    const copies = [0, 1, 2, 3].map((cpu) => k.per_cpu_ptr(p, cpu));
    expect(copies.map(nodeOf)).toEqual([0, 0, 1, 1]);
    expect(new Set(copies).size).toBe(4);
    for (const copy of copies) expect([...k.i32.subarray(copy, copy + 8)]).toEqual(Array(8).fill(0));
    expect(k.nameOf(copies[3])).toBe(`cpu 3, dynamic per-CPU memory ${p}`);
  });

  test('zeroes memory that was used before', () => {
    const { k } = bootInProcess();
    const kept = k.alloc_percpu(int);
    const used = k.alloc_percpu(array(int, 4));
    for (let cpu = 0; cpu < 4; cpu++) k.i32.fill(-1, k.per_cpu_ptr(used, cpu), k.per_cpu_ptr(used, cpu) + 4);
    k.free_percpu(used);
    const again = k.alloc_percpu(array(int, 4));
    expect(again).toBe(used);
    for (let cpu = 0; cpu < 4; cpu++) expect(k.i32[k.per_cpu_ptr(again, cpu) + 3]).toBe(0);
    expect(kept).not.toBe(again);
  });

  test('keeps variables apart, whatever their sizes and alignments', () => {
    const { k } = bootInProcess();
    const asked = [
      [4, 4],
      [1, 1],
      [12, 8],
      [64, 64],
      [100, 4],
      [4096, 4096],
      [8, 16],
    ] as const;
    const pointers = asked.map(([size, align]) => k.__alloc_percpu(size, align));
    pointers.forEach((p, mark) => {
      const [size, align] = asked[mark];
      expect(percpuBytes(k, p)).toBe(Math.ceil(size / 4) * 4);
      for (let cpu = 0; cpu < 4; cpu++) {
        const copy = k.per_cpu_ptr(p, cpu);
        expect((copy * 4) % align).toBe(0);
        k.u8.fill(mark + 1, copy * 4, copy * 4 + size);
      }
    });
    pointers.forEach((p, mark) => {
      const [size] = asked[mark];
      for (let cpu = 0; cpu < 4; cpu++) {
        const copy = k.per_cpu_ptr(p, cpu) * 4;
        expect(k.u8.subarray(copy, copy + size).every((byte) => byte === mark + 1)).toBe(true);
      }
    });
    for (const p of pointers) k.free_percpu(p);
  });

  test('takes pages when it needs them, and gives them back with the last variable', () => {
    const machine = bootInProcess();
    const { k } = machine;
    const before = freePages(machine);
    const first = k.alloc_percpu(int);
    const second = k.alloc_percpu(long);
    expect(freePages(machine)).toBe(before - CHUNK_PAGES);
    const large = k.__alloc_percpu(PERCPU_MAX_BYTES, 4);
    expect(freePages(machine)).toBe(before - 2 * CHUNK_PAGES);
    k.free_percpu(first);
    k.free_percpu(large);
    expect(freePages(machine)).toBe(before - CHUNK_PAGES);
    k.free_percpu(second);
    k.free_percpu(0);
    expect(freePages(machine)).toBe(before);
    expect(audit(k).violations).toEqual([]);
  });

  test('keeps one chunk when two CPUs make one at the same time', () => {
    const machine = bootInProcess();
    const { cpus, platform } = machine;
    const [one, other] = cpus;
    const before = freePages(machine);
    const poll = platform.poll.bind(platform);
    let others = 0;
    // The first CPU has found no space by now.
    platform.poll = (word) => {
      platform.poll = poll;
      others = other.alloc_percpu(int);
      return poll(word);
    };
    const own = one.alloc_percpu(int);
    expect(others).not.toBe(0);
    expect(freePages(machine)).toBe(before - CHUNK_PAGES);
    one.free_percpu(own);
    other.free_percpu(others);
    expect(freePages(machine)).toBe(before);
    expect(audit(one).violations).toEqual([]);
  });

  test('returns NULL when the space for such variables is used up', () => {
    const machine = bootInProcess();
    const { k, platform } = machine;
    const before = freePages(machine);
    const pointers = Array.from({ length: MAX_PERCPU_CHUNKS }, () => k.__alloc_percpu(PERCPU_MAX_BYTES, 4));
    expect(pointers).not.toContain(0);
    expect(k.alloc_percpu(int)).toBe(0);
    k.free_percpu(pointers[3]);
    expect(k.alloc_percpu(int)).toBe(pointers[3]);
    for (const p of pointers) k.free_percpu(p);
    expect(freePages(machine)).toBe(before);
    expect(platform.reports).toEqual([]);
  });

  test('returns NULL when a copy cannot be had, and keeps nothing of the others', () => {
    // So little memory that a copy for each of many CPUs does not fit.
    const machine = bootInProcess(
      twoNodes(16, { cpuNodes: Array.from({ length: 120 }, (_, cpu) => cpu & 1) }),
    );
    const { k } = machine;
    const pointers: number[] = [];
    const before = freePages(machine);
    for (let p = k.__alloc_percpu(PERCPU_MAX_BYTES, 4); p !== 0; p = k.__alloc_percpu(PERCPU_MAX_BYTES, 4)) {
      pointers.push(p);
    }
    expect(pointers.length).toBeGreaterThan(0);
    expect(pointers.length).toBeLessThan(MAX_PERCPU_CHUNKS);
    for (const p of pointers) k.free_percpu(p);
    expect(freePages(machine)).toBe(before);
  });

  test.each([
    [0, 4],
    [PERCPU_MAX_BYTES + 1, 4],
    [4, 3],
    [4, 8192],
    [2.5, 4],
  ])('refuses %i bytes aligned to %i', (size, align) => {
    const { k, platform } = bootInProcess();
    expect(k.__alloc_percpu(size, align)).toBe(0);
    expect(platform.reports[0]).toContain(`illegal size (${size}) or align (${align}) for percpu allocation`);
  });
});

describe('a dynamic variable', () => {
  test('is used with preemption disabled', () => {
    const { k, cpus } = bootInProcess();
    const p = k.alloc_percpu(int);
    for (const own of cpus) {
      own.i32[own.get_cpu_ptr(p)] += own.cpu + 1;
      expect(own.in_atomic()).toBe(true);
      own.put_cpu_ptr(p);
      expect(own.in_atomic()).toBe(false);
      // As the books do it.
      own.i32[own.per_cpu_ptr(p, own.get_cpu())] += 10;
      own.put_cpu();
    }
    expect([0, 1, 2, 3].map((cpu) => k.i32[k.per_cpu_ptr(p, cpu)])).toEqual([11, 12, 13, 14]);
  });

  test('is nothing that can be used directly, and nothing after its end', () => {
    const { k } = bootInProcess();
    const p = k.alloc_percpu(int);
    expect(k.i32[p]).toBeUndefined();
    k.free_percpu(p);
    for (const wrong of [p, 0, 5, -1e6]) {
      expect(() => k.per_cpu_ptr(wrong, 0)).toThrow(`per_cpu_ptr: ${wrong} is no dynamic per-CPU variable`);
    }
  });

  test('is freed once', () => {
    const { k } = bootInProcess();
    const kept = k.alloc_percpu(array(int, 4));
    const p = k.alloc_percpu(array(int, 4));
    k.free_percpu(p);
    for (const wrong of [p, kept - 1, 5, -1e6]) {
      expect(() => k.free_percpu(wrong)).toThrow(`free_percpu: ${wrong} is no dynamic per-CPU variable`);
    }
    k.free_percpu(kept);
    expect(k.i32[KERNEL.percpu_chunk_blocks]).toBe(0);
  });
});

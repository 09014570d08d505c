import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { addressSpace, type ArchName } from '../../../src/arch/address-space.js';
import { NR_MEM_SECTIONS, PAGE_SIZE, SECTION_BYTES, SECTION_PAGES } from '../../../src/arch/page.js';
import { MemoryImage } from '../../../src/image/memory-image.js';
import { KernelBug, KernelPanic } from '../../../src/kernel/core/errors.js';
import type { Cpu } from '../../../src/kernel/core/cpu.js';
import { KERNEL, KERNEL_END } from '../../../src/kernel/core/kernel-data.js';
import { readLog } from '../../../src/kernel/core/printk.js';
import * as bits from '../../../src/kernel/mm/bootmem-bitmap.js';
import { __alloc_bootmem_core } from '../../../src/kernel/mm/bootmem-core.js';
import {
  bootmem_bootmap_pages,
  BOOTMEM_DATA,
  closeBootmem,
  init_bootmem_node,
} from '../../../src/kernel/mm/bootmem-data.js';
import * as bootmem from '../../../src/kernel/mm/bootmem.js';
import {
  __free_pages_bootmem,
  free_all_bootmem,
  free_all_bootmem_node,
} from '../../../src/kernel/mm/bootmem-hand-over.js';
import { bootWords, free_area_init_nodes } from '../../../src/kernel/mm/free-area-init.js';
import { PAGE, PG_buddy, PG_reserved, pageOf } from '../../../src/kernel/mm/page.js';
import { setup_pagesets } from '../../../src/kernel/mm/zone-setup.js';
import { freeArea, FREE_AREA, PAGESET_STRIDE, populatedZones } from '../../../src/kernel/mm/zone.js';
import { phys_to_word } from '../../../src/kernel/mm/phys.js';

const MIB = 1024 ** 2;

/** A stretch of physical memory and the image offset it is kept at; all multiples of a section. */
interface Stretch {
  readonly start: number;
  readonly bytes: number;
  readonly offset: number;
}

/** The boot CPU of a machine that has memory and nothing else. */
function bareCpu(arch: ArchName, stretches: readonly Stretch[]): Cpu {
  const image = MemoryImage.create(Math.max(...stretches.map((s) => s.offset + s.bytes)));
  const { i32, u32, u16, u8, f64, i64 } = image;
  i32.fill(-1, KERNEL.section_memory, KERNEL.section_memory + NR_MEM_SECTIONS);
  for (const { start, bytes, offset } of stretches) {
    for (let at = 0; at < bytes; at += SECTION_BYTES) {
      i32[KERNEL.section_memory + (start + at) / SECTION_BYTES] = (offset + at) / 4;
    }
  }
  const k: Cpu = {
    image,
    i32,
    u32,
    u16,
    u8,
    f64,
    i64,
    platform: {
      thread: 1,
      wait: () => {},
      notify: () => {},
      mayWait: () => true,
      relax: () => {},
      now: () => 0,
      poll: () => 0,
      startThread: () => {},
      report: () => {},
      load: () => () => {},
    },
    space: addressSpace(arch),
    debug: 0,
    cpu: 0,
    node: 0,
    area: KERNEL.boot_cpu_area,
    do_IRQ: () => {},
    do_softirq: () => {},
    call: () => 0,
    nameOf: String,
    as: () => k,
    become: () => {},
  };
  i32[KERNEL.cpu_area] = k.area;
  return k;
}

/** Where the bit maps of the tests lie: right behind the kernel's static data. */
const MAP_FRAME = Math.ceil(KERNEL_END / PAGE_SIZE);

/** A machine of 64 MiB, all of it free but what lies below `firstFree`. */
function oneNode(arch: ArchName = 'x86'): { k: Cpu; firstFree: number; pa: (address: number) => number } {
  const k = bareCpu(arch, [{ start: 0, bytes: 64 * MIB, offset: 0 }]);
  const frames = (64 * MIB) / PAGE_SIZE;
  init_bootmem_node(k, 0, MAP_FRAME, 0, frames);
  bootmem.free_bootmem_node(k, 0, 0, 64 * MIB);
  const firstFree = (MAP_FRAME + bootmem_bootmap_pages(frames)) * PAGE_SIZE;
  bootmem.reserve_bootmem_node(k, 0, 0, firstFree);
  return { k, firstFree, pa: (address) => address - k.space.PAGE_OFFSET };
}

/** The free frames of a node, one by one. */
function freeFrames(k: Cpu, nid = 0): number[] {
  const { at } = BOOTMEM_DATA;
  const data = k.i32[KERNEL.bootmem_data + nid];
  const start = k.i32[data + at.node_boot_start];
  const frames: number[] = [];
  for (let frame = start; frame < k.i32[data + at.node_low_pfn]; frame++) {
    const bit = frame - start;
    if ((k.i32[k.i32[data + at.node_bootmem_map] + (bit >> 5)] & (1 << (bit & 31))) === 0) frames.push(frame);
  }
  return frames;
}

/** Where a byte is not `value`: a plain loop, for memory of many megabytes. */
function firstOther(memory: Uint8Array, value: number): number {
  for (let at = 0; at < memory.length; at++) if (memory[at] !== value) return at;
  return -1;
}

/** The byte of the image behind a physical address. */
const byteOf = (k: Cpu, phys: number): number => phys_to_word(k, phys) * 4 + (phys % 4);

describe('bit ranges', () => {
  test.each([
    [0, 96],
    [5, 6],
    [31, 33],
    [32, 64],
    [40, 40],
    [1, 95],
  ])('set, clear and find %i to %i', (from, end) => {
    const map = new Int32Array(5);
    const inRange = (bit: number) => bit >= from && bit < end;
    const wanted = Array.from({ length: 96 }, (_, bit) => inRange(bit));
    const actual = () => wanted.map((_, bit) => (map[1 + (bit >> 5)] & (1 << (bit & 31))) !== 0);
    bits.setBits(map, 1, from, end);
    expect(actual()).toEqual(wanted);
    expect([map[0], map[4]]).toEqual([0, 0]);
    for (let bit = 0; bit < 96; bit++) {
      const set = wanted.findIndex((value, i) => i >= bit && value);
      const clear = wanted.findIndex((value, i) => i >= bit && !value);
      expect(bits.findNextSet(map, 1, bit, 96)).toBe(set < 0 ? 96 : set);
      expect(bits.findNextClear(map, 1, bit, 96)).toBe(clear < 0 ? 96 : clear);
    }
    map.fill(-1);
    bits.clearBits(map, 1, from, end);
    expect(actual()).toEqual(wanted.map((value) => !value));
    expect([map[0], map[4]]).toEqual([-1, -1]);
  });

  test('finding stops at the end of the range', () => {
    const map = Int32Array.of(0, 0, -1);
    expect(bits.findNextSet(map, 0, 3, 50)).toBe(50);
    expect(bits.findNextSet(map, 0, 64, 64)).toBe(64);
    expect(bits.findNextClear(map, 0, 64, 70)).toBe(70);
  });
});

describe('phys_to_word', () => {
  const k = bareCpu('x86_64', [
    { start: 0, bytes: 8 * MIB, offset: 0 },
    { start: 4096 * MIB, bytes: 8 * MIB, offset: 8 * MIB },
  ]);

  test('translates within sections, also above 4 GiB', () => {
    expect(phys_to_word(k, 0)).toBe(0);
    expect(phys_to_word(k, 4 * MIB + 7)).toBe(MIB + 1);
    expect(phys_to_word(k, 4096 * MIB)).toBe(2 * MIB);
    expect(phys_to_word(k, 4104 * MIB - 1)).toBe(4 * MIB - 1);
  });

  test('is -1 where nothing is', () => {
    for (const phys of [8 * MIB, 4096 * MIB - 1, 4104 * MIB, 16384 * MIB, 2 ** 52, -1, NaN]) {
      expect(phys_to_word(k, phys)).toBe(-1);
    }
  });
});

describe('a node begins', () => {
  let k: Cpu;
  beforeEach(() => {
    k = bareCpu('x86', [
      { start: 0, bytes: 12 * MIB, offset: 0 },
      { start: 16 * MIB, bytes: 4 * MIB, offset: 12 * MIB },
    ]);
  });

  test('with everything reserved, in the bytes it says', () => {
    const bytes = init_bootmem_node(k, 0, MAP_FRAME, 0, 3072);
    expect(bytes).toBe(BOOTMEM_DATA.words * 4 + 3072 / 8);
    expect(Math.ceil(bytes / PAGE_SIZE)).toBe(bootmem_bootmap_pages(3072));
    expect(freeFrames(k)).toEqual([]);
    expect(__alloc_bootmem_core(k, 0, 1, 1, 0, 0)).toBe(0);
    const behind = phys_to_word(k, MAP_FRAME * PAGE_SIZE) + bytes / 4;
    expect([k.i32[behind - 1], k.i32[behind]]).toEqual([-1, 0]);
  });

  test('the map of 4 GiB has a bit a page', () => {
    expect(bootmem_bootmap_pages(2 ** 20)).toBe(2 ** 20 / 8 / PAGE_SIZE + 1);
  });

  test('once, with memory, and with its map in one piece of memory', () => {
    expect(() => init_bootmem_node(k, 64, MAP_FRAME, 0, 10)).toThrow('no such node: 64');
    expect(() => init_bootmem_node(k, 0, MAP_FRAME, 10, 10)).toThrow('node 0 has no low memory');
    expect(() => init_bootmem_node(k, 0, 3100, 0, 10)).toThrow('no room at frame 3100');
    expect(() => init_bootmem_node(k, 0, 3071, 0, 2 ** 20)).toThrow('no room at frame 3071');
    init_bootmem_node(k, 0, MAP_FRAME, 0, 10);
    expect(() => init_bootmem_node(k, 0, MAP_FRAME, 0, 10)).toThrow('node 0 has a boot allocator already');
  });

  test('not before: every other call is a bug', () => {
    expect(() => bootmem.alloc_bootmem(k, 1)).toThrow(/^alloc_bootmem: boot memory is only there while/);
  });
});

describe('free and reserve', () => {
  test('free rounds inwards, reserve outwards (claim 77)', () => {
    const { k } = oneNode();
    const start = 20 * MIB;
    const first = start / PAGE_SIZE;
    bootmem.reserve_bootmem(k, start, 16 * PAGE_SIZE);
    const before = freeFrames(k).length;
    bootmem.free_bootmem(k, start, 3.5 * PAGE_SIZE);
    expect(freeFrames(k).length - before).toBe(3);
    bootmem.free_bootmem(k, start + 5 * PAGE_SIZE + 100, 3.5 * PAGE_SIZE);
    const free = freeFrames(k).filter((frame) => frame >= first && frame < first + 16);
    expect(free).toEqual([0, 1, 2, 6, 7].map((i) => first + i));
    bootmem.reserve_bootmem(k, start + PAGE_SIZE - 1, 2);
    expect(freeFrames(k).filter((frame) => frame >= first && frame < first + 16)).toEqual(
      [2, 6, 7].map((i) => first + i),
    );
  });

  test('a free that covers no whole page frees nothing', () => {
    const { k } = oneNode();
    bootmem.reserve_bootmem(k, 20 * MIB, 2 * PAGE_SIZE);
    const before = freeFrames(k);
    bootmem.free_bootmem(k, 20 * MIB + 1, PAGE_SIZE);
    bootmem.free_bootmem(k, 20 * MIB + 1, 1);
    expect(freeFrames(k)).toEqual(before);
  });

  test('reserving twice is silent, freeing twice is a bug that changes nothing', () => {
    const { k } = oneNode();
    bootmem.reserve_bootmem_node(k, 0, 20 * MIB, 4 * PAGE_SIZE);
    bootmem.reserve_bootmem_node(k, 0, 20 * MIB, 4 * PAGE_SIZE);
    bootmem.free_bootmem_node(k, 0, 20 * MIB + PAGE_SIZE, PAGE_SIZE);
    const before = freeFrames(k);
    const free = () => bootmem.free_bootmem_node(k, 0, 20 * MIB, 4 * PAGE_SIZE);
    expect(free).toThrow(KernelBug);
    expect(free).toThrow(`free_bootmem_node: frame ${(20 * MIB) / PAGE_SIZE + 1} is free already`);
    expect(freeFrames(k)).toEqual(before);
  });

  test('sizes of 0 and addresses of nobody are bugs', () => {
    const { k } = oneNode();
    expect(() => bootmem.free_bootmem(k, 20 * MIB, 0)).toThrow('free_bootmem of 0 bytes');
    expect(() => bootmem.reserve_bootmem(k, 20 * MIB, 0)).toThrow('reserve_bootmem of 0 bytes');
    expect(() => bootmem.reserve_bootmem_node(k, 0, 20 * MIB, 0)).toThrow('reserve_bootmem_node of 0 bytes');
    expect(() => bootmem.free_bootmem(k, 63 * MIB, 2 * MIB)).toThrow("not in one node's low memory");
    expect(() => bootmem.free_bootmem_node(k, 0, 64 * MIB, MIB)).toThrow("not in the node's low memory");
    expect(() => bootmem.free_bootmem_node(k, 1, 0, MIB)).toThrow('node 1 has no boot memory');
    expect(() => bootmem.free_bootmem_node(k, -1, 0, MIB)).toThrow('node -1 has no boot memory');
    expect(() => bootmem.reserve_bootmem_node(k, 0, 63 * MIB, 2 * MIB)).toThrow('are not in node 0');
    expect(() => bootmem.reserve_bootmem(k, 64 * MIB, 1)).toThrow("in no node's low memory");
  });
});

describe('an allocation', () => {
  test('comes from above the DMA zone, a low one from the bottom (claim 76)', () => {
    const { k, firstFree, pa } = oneNode();
    expect(pa(bootmem.alloc_bootmem(k, 100))).toBe(16 * MIB);
    expect(pa(bootmem.alloc_bootmem_pages(k, 100))).toBe(16 * MIB + PAGE_SIZE);
    expect(pa(bootmem.alloc_bootmem_low(k, 100))).toBe(firstFree);
    expect(pa(bootmem.alloc_bootmem_low_pages(k, 100))).toBe(firstFree + PAGE_SIZE);
  });

  test('has an address of the direct map on 64 bits too', () => {
    const { k } = oneNode('x86_64');
    expect(bootmem.alloc_bootmem(k, 100)).toBe(0x0000010000000000 + 16 * MIB);
  });

  test('falls back to the bottom when nothing is free above the goal', () => {
    const { k, firstFree, pa } = oneNode();
    bootmem.reserve_bootmem(k, 16 * MIB, 48 * MIB);
    expect(pa(bootmem.alloc_bootmem(k, 100))).toBe(firstFree);
  });

  test.each([1, 8, 64, 2048, PAGE_SIZE, 16 * PAGE_SIZE, 4 * MIB, 16 * MIB])('is aligned to %i', (align) => {
    const { k, pa } = oneNode();
    bootmem.__alloc_bootmem(k, 100, 1, 17 * MIB);
    for (let i = 0; i < 2; i++) expect(pa(bootmem.__alloc_bootmem(k, 5000, align, 17 * MIB)) % align).toBe(0);
  });

  test('may be larger than any buddy block, of any size (claim 75)', () => {
    const { k, pa } = oneNode();
    const before = freeFrames(k).length;
    const size = 20 * MIB + 12_345;
    expect(pa(bootmem.alloc_bootmem_pages(k, size))).toBe(16 * MIB);
    expect(before - freeFrames(k).length).toBe(Math.ceil(size / PAGE_SIZE));
  });

  test('small ones share pages: each begins in the tail of the last', () => {
    const { k, pa } = oneNode();
    const before = freeFrames(k).length;
    const at = [1, 64, 65, 3000].map((size) => pa(bootmem.alloc_bootmem(k, size)) - 16 * MIB);
    expect(at).toEqual([0, 64, 128, 256]);
    expect(before - freeFrames(k).length).toBe(1);
    // 840 bytes are left: the next one goes on in the page behind.
    expect(pa(bootmem.alloc_bootmem(k, 1000)) - 16 * MIB).toBe(3264);
    expect(before - freeFrames(k).length).toBe(2);
    expect(pa(bootmem.alloc_bootmem(k, 64)) - 16 * MIB).toBe(4288);
  });

  test('merges exactly to the end of a page, and not behind a full page', () => {
    const { k, pa } = oneNode();
    const before = freeFrames(k).length;
    bootmem.alloc_bootmem(k, 4032);
    expect(pa(bootmem.alloc_bootmem(k, 64)) - 16 * MIB).toBe(4032);
    expect(before - freeFrames(k).length).toBe(1);
    expect(pa(bootmem.alloc_bootmem(k, 64)) - 16 * MIB).toBe(4096);
    expect(before - freeFrames(k).length).toBe(2);
  });

  test('merges neither with whole pages nor across a gap', () => {
    const { k, pa } = oneNode();
    bootmem.reserve_bootmem(k, 16 * MIB + PAGE_SIZE, PAGE_SIZE);
    bootmem.alloc_bootmem(k, 64);
    expect(pa(bootmem.alloc_bootmem(k, 64)) - 16 * MIB).toBe(2 * PAGE_SIZE);
    expect(pa(bootmem.alloc_bootmem_pages(k, 64)) - 16 * MIB).toBe(3 * PAGE_SIZE);
  });

  test('does not go on in a page that was freed', () => {
    const { k, pa } = oneNode();
    const last = pa(bootmem.__alloc_bootmem(k, PAGE_SIZE + 64, PAGE_SIZE, 20 * MIB)) + PAGE_SIZE;
    bootmem.free_bootmem(k, last, PAGE_SIZE);
    expect(pa(bootmem.__alloc_bootmem(k, 64, 64, last + PAGE_SIZE))).toBe(last + PAGE_SIZE);
    expect(pa(bootmem.__alloc_bootmem(k, 64, 64, last))).not.toBe(last + 64);
  });

  test('searches on from the last success, and again from where something was freed', () => {
    const { k, pa } = oneNode();
    bootmem.reserve_bootmem(k, 16 * MIB, 8 * PAGE_SIZE);
    expect(pa(bootmem.alloc_bootmem_pages(k, PAGE_SIZE))).toBe(16 * MIB + 8 * PAGE_SIZE);
    bootmem.free_bootmem(k, 16 * MIB, PAGE_SIZE);
    expect(pa(bootmem.alloc_bootmem_pages(k, PAGE_SIZE))).toBe(16 * MIB);
    expect(pa(bootmem.__alloc_bootmem(k, PAGE_SIZE, PAGE_SIZE, 40 * MIB))).toBe(40 * MIB);
    expect(pa(bootmem.alloc_bootmem_pages(k, PAGE_SIZE))).toBe(40 * MIB + PAGE_SIZE);
  });

  test('stays below a limit', () => {
    const { k } = oneNode();
    expect(__alloc_bootmem_core(k, 0, PAGE_SIZE, PAGE_SIZE, 30 * MIB, 20 * MIB)).toBeLessThan(
      k.space.PAGE_OFFSET + 20 * MIB,
    );
    expect(__alloc_bootmem_core(k, 0, 20 * MIB, PAGE_SIZE, 0, 20 * MIB)).toBe(0);
    expect(__alloc_bootmem_core(k, 0, PAGE_SIZE, PAGE_SIZE, 0, 1 * MIB)).toBe(0);
  });

  test('is zeroed, and nothing that was allocated before', () => {
    const { k, firstFree, pa } = oneNode();
    const taken: Uint8Array[] = [];
    k.u8.fill(0xaa, byteOf(k, firstFree));
    for (const [size, align] of [
      [5, 1],
      [6, 1],
      [9, 2],
      [10_001, 1],
      [5 * MIB + 3, PAGE_SIZE],
      [3, 1],
    ] as const) {
      const phys = pa(bootmem.__alloc_bootmem(k, size, align, 0));
      const memory = k.u8.subarray(byteOf(k, phys), byteOf(k, phys) + size);
      expect(firstOther(memory, 0)).toBe(-1);
      memory.fill(0x55);
      taken.push(memory);
    }
    for (const memory of taken) expect(firstOther(memory, 0x55)).toBe(-1);
  });

  test('of nothing, or with an impossible alignment, is a bug', () => {
    const { k } = oneNode();
    expect(() => bootmem.alloc_bootmem(k, 0)).toThrow('bootmem alloc of 0 bytes');
    expect(() => bootmem.alloc_bootmem(k, -1)).toThrow(KernelBug);
    expect(() => bootmem.__alloc_bootmem(k, 1, 48, 0)).toThrow('alignment 48: not a power of two');
    expect(() => bootmem.__alloc_bootmem(k, 1, 0, 0)).toThrow('alignment 0: not a power of two');
  });

  test('never fails: it stops the machine', () => {
    const { k } = oneNode();
    const alloc = () => bootmem.alloc_bootmem(k, 64 * MIB);
    expect(alloc).toThrow(KernelPanic);
    expect(alloc).toThrow('Kernel panic - not syncing: Out of memory');
    expect(readLog(k)).toMatch(/] bootmem alloc of 67108864 bytes failed!\n.*cut here/);
  });
});

describe('several nodes', () => {
  /** Node 0: 0-16 MiB and 32-48 MiB, 1: 64-96 MiB, 2: none. The image is packed, with one gap besides. */
  function twoNodes(): Cpu {
    const k = bareCpu('x86_64', [
      { start: 0, bytes: 16 * MIB, offset: 0 },
      { start: 32 * MIB, bytes: 16 * MIB, offset: 16 * MIB },
      { start: 64 * MIB, bytes: 32 * MIB, offset: 40 * MIB },
    ]);
    init_bootmem_node(k, 0, MAP_FRAME, 0, 12 * SECTION_PAGES);
    init_bootmem_node(k, 1, 16 * SECTION_PAGES, 16 * SECTION_PAGES, 24 * SECTION_PAGES);
    bootmem.free_bootmem_node(k, 0, 0, 16 * MIB);
    bootmem.free_bootmem_node(k, 0, 32 * MIB, 16 * MIB);
    bootmem.free_bootmem_node(k, 1, 64 * MIB, 32 * MIB);
    bootmem.reserve_bootmem(k, 0, (MAP_FRAME + 1) * PAGE_SIZE);
    bootmem.reserve_bootmem(k, 64 * MIB, PAGE_SIZE);
    return k;
  }

  test('what a node lacks comes from the next one', () => {
    const k = twoNodes();
    const base = k.space.PAGE_OFFSET;
    expect(bootmem.alloc_bootmem_pages(k, PAGE_SIZE)).toBe(base + 32 * MIB);
    expect(bootmem.alloc_bootmem_node(k, 1, 10)).toBe(base + 64 * MIB + PAGE_SIZE);
    expect(bootmem.alloc_bootmem_pages_node(k, 1, 10)).toBe(base + 64 * MIB + 2 * PAGE_SIZE);
    expect(bootmem.alloc_bootmem_low_pages_node(k, 1, 10)).toBe(base + 64 * MIB + 3 * PAGE_SIZE);
    expect(bootmem.alloc_bootmem_pages(k, 17 * MIB)).toBe(base + 64 * MIB + 4 * PAGE_SIZE);
    expect(bootmem.alloc_bootmem_pages_node(k, 1, 15 * MIB)).toBe(base + 32 * MIB + PAGE_SIZE);
    expect(bootmem.alloc_bootmem_pages_node(k, 2, PAGE_SIZE)).toBe(base + 47 * MIB + PAGE_SIZE);
    expect(bootmem.alloc_bootmem_pages_node(k, 99, PAGE_SIZE)).toBe(base + 47 * MIB + 2 * PAGE_SIZE);
  });

  test('nothing is allocated or freed in a hole', () => {
    const k = twoNodes();
    expect(freeFrames(k).some((frame) => frame >= 4096 && frame < 8192)).toBe(false);
    expect(() => bootmem.free_bootmem_node(k, 0, 15 * MIB, 4 * MIB)).toThrow(
      'there is no memory at frame 4096',
    );
  });

  test('free_bootmem and reserve_bootmem find the node', () => {
    const k = twoNodes();
    bootmem.reserve_bootmem(k, 47 * MIB, 18 * MIB);
    expect(freeFrames(k, 0).at(-1)).toBe((47 * MIB) / PAGE_SIZE - 1);
    expect(freeFrames(k, 1)[0]).toBe((65 * MIB) / PAGE_SIZE);
    bootmem.free_bootmem(k, 64 * MIB + PAGE_SIZE, PAGE_SIZE);
    expect(freeFrames(k, 1)[0]).toBe((64 * MIB) / PAGE_SIZE + 1);
    expect(() => bootmem.free_bootmem(k, 47 * MIB, 18 * MIB)).toThrow("not in one node's low memory");
  });

  test('free_bootmem does not guess between nodes that reach around one another', () => {
    const k = bareCpu('x86', [{ start: 0, bytes: 32 * MIB, offset: 0 }]);
    init_bootmem_node(k, 0, MAP_FRAME, 0, 8 * SECTION_PAGES);
    init_bootmem_node(k, 1, MAP_FRAME + 1, 4 * SECTION_PAGES, 6 * SECTION_PAGES);
    expect(() => bootmem.free_bootmem(k, 16 * MIB, PAGE_SIZE)).toThrow('in the span of two nodes');
    bootmem.free_bootmem_node(k, 1, 16 * MIB, PAGE_SIZE);
    expect(freeFrames(k, 0)).toEqual([]);
    expect(freeFrames(k, 1)).toEqual([4 * SECTION_PAGES]);
  });

  test('memory is zeroed across sections that are apart in the image', () => {
    const k = bareCpu('x86', [
      { start: 0, bytes: 8 * MIB, offset: 0 },
      { start: 8 * MIB, bytes: 4 * MIB, offset: 16 * MIB },
      { start: 12 * MIB, bytes: 4 * MIB, offset: 8 * MIB },
    ]);
    init_bootmem_node(k, 0, MAP_FRAME, 0, 4 * SECTION_PAGES);
    bootmem.free_bootmem(k, 7 * MIB, 9 * MIB);
    k.u8.fill(0xaa, 7 * MIB);
    bootmem.alloc_bootmem_pages(k, 8 * MIB);
    expect(firstOther(k.u8.subarray(7 * MIB, 11 * MIB), 0)).toBe(-1);
    expect(firstOther(k.u8.subarray(11 * MIB, 16 * MIB), 0xaa)).toBe(-1);
    expect(firstOther(k.u8.subarray(16 * MIB, 20 * MIB), 0)).toBe(-1);
  });
});

describe('the hand-over', () => {
  /** 64 MiB with boot memory, struct pages, zones and page sets: two nodes that meet at `boundary`. */
  function machine(arch: ArchName, boundary: number): Cpu {
    const k = bareCpu(arch, [{ start: 0, bytes: 64 * MIB, offset: 0 }]);
    k.i32[KERNEL.nr_nodes] = 2;
    k.i32[KERNEL.nr_cpus] = 1;
    k.i32[KERNEL.max_pfn] = (64 * MIB) / PAGE_SIZE;
    k.i32[KERNEL.pageblock_order] = k.space.pageblockOrder;
    const memory = [
      { start: 0, end: boundary, node: 0 },
      { start: boundary, end: 64 * MIB, node: 1 },
    ];
    let mapFrame = MAP_FRAME;
    for (const { start, end, node } of memory) {
      init_bootmem_node(k, node, mapFrame, start / PAGE_SIZE, end / PAGE_SIZE);
      bootmem.free_bootmem_node(k, node, start, end - start);
      mapFrame += bootmem_bootmap_pages((end - start) / PAGE_SIZE);
    }
    bootmem.reserve_bootmem(k, 0, mapFrame * PAGE_SIZE);
    free_area_init_nodes(k, {
      arch,
      memory,
      cpuNodes: [0],
      nodes: 2,
      distances: [
        [10, 20],
        [20, 10],
      ],
      zoneLimits: { dma: 16 * MIB, dma32: 32 * MIB, lowmem: 64 * MIB },
      movablecore: 0,
      numaZonelistOrder: 'default',
      hz: 100,
      slabProfile: '2.6.10',
      debug: { locks: false, sleep: false, pageOwner: false, vm: true, lockHoldLimitMs: 1000 },
      bootHooks: [],
    });
    setup_pagesets(k, 0, bootWords(k, 0, populatedZones(k).length * PAGESET_STRIDE));
    return k;
  }

  const flagsOf = (k: Cpu, frame: number) => k.i32[pageOf(k.i32, frame) + PAGE.at.flags];
  const isReserved = (k: Cpu, frame: number) => (flagsOf(k, frame) & (1 << PG_reserved)) !== 0;

  test.each(['x86', 'x86_64'] as const)('frees what is free, and the maps: %s', (arch) => {
    const k = machine(arch, 24 * MIB);
    bootmem.alloc_bootmem(k, 3 * MIB + 5);
    const free = [...freeFrames(k, 0), ...freeFrames(k, 1)];
    const maps = [0, 1].map((i) => MAP_FRAME + i);
    expect(free_all_bootmem(k)).toBe(free.length + maps.length);
    const usable = new Set([...free, ...maps]);
    for (let frame = 0; frame < (64 * MIB) / PAGE_SIZE; frame++) {
      expect(isReserved(k, frame)).toBe(!usable.has(frame));
      if (usable.has(frame)) expect(k.i32[pageOf(k.i32, frame) + PAGE.at._count]).toBe(0);
    }
    // Blocks have merged into the largest ones.
    expect(flagsOf(k, 14 * SECTION_PAGES) & (1 << PG_buddy)).not.toBe(0);
    expect(k.i32[pageOf(k.i32, 14 * SECTION_PAGES) + PAGE.at.private]).toBe(10);
    expect(k.i32[KERNEL.bootmem_active]).toBe(0);
    expect(() => free_all_bootmem(k)).toThrow(/^free_all_bootmem: boot memory is only there while/);
    expect(() => free_all_bootmem_node(k, 0)).toThrow(/^free_all_bootmem_node: boot memory is only there/);
    expect(() => bootmem.alloc_bootmem(k, 1)).toThrow(/^alloc_bootmem: boot memory is only there while/);
  });

  test('is by node', () => {
    const k = machine('x86_64', 28 * MIB);
    const boundary = (28 * MIB) / PAGE_SIZE;
    const free = freeFrames(k, 1);
    expect(free_all_bootmem_node(k, 1)).toBe(free.length + 1);
    expect(free.some((frame) => isReserved(k, frame))).toBe(false);
    expect(isReserved(k, boundary - 1)).toBe(true);
    expect(isReserved(k, MAP_FRAME + 1)).toBe(false);
    expect(() => free_all_bootmem_node(k, 1)).toThrow('node 1 has no boot memory');
    expect(bootmem.alloc_bootmem_node(k, 1, 1) - k.space.PAGE_OFFSET).toBeLessThan(boundary * PAGE_SIZE);
    free_all_bootmem_node(k, 0);
    expect(() => bootmem.alloc_bootmem(k, 1)).toThrow(KernelBug);
  });

  test('is of memory that the buddy system does not have yet', () => {
    const k = machine('x86', 24 * MIB);
    free_all_bootmem(k);
    const frame = 13 * SECTION_PAGES;
    const before = k.i32[freeArea(populatedZones(k)[0], 10) + FREE_AREA.at.nr_free];
    expect(() => __free_pages_bootmem(k, frame, 5)).toThrow(`frame ${frame}, order 5: not reserved`);
    const inUse = pageOf(k.i32, frame) + PAGE.at._count;
    k.i32[inUse] = 7;
    expect(() => __free_pages_bootmem(k, frame, 0)).toThrow('not reserved');
    expect(k.i32[inUse]).toBe(7);
    expect(() => __free_pages_bootmem(k, 0, 0)).toThrow('frame 0 is NULL');
    expect(k.i32[freeArea(populatedZones(k)[0], 10) + FREE_AREA.at.nr_free]).toBe(before);
  });

  test('refuses a map that is not reserved', () => {
    const k = machine('x86', 24 * MIB);
    bootmem.free_bootmem(k, MAP_FRAME * PAGE_SIZE, PAGE_SIZE);
    expect(() => free_all_bootmem(k)).toThrow(`the bit map at frame ${MAP_FRAME} is not reserved`);
  });
});

describe('after the hand-over', () => {
  const calls: [string, (k: Cpu) => unknown][] = [
    ['alloc_bootmem', (k) => bootmem.alloc_bootmem(k, 1)],
    ['alloc_bootmem_low', (k) => bootmem.alloc_bootmem_low(k, 1)],
    ['alloc_bootmem_pages', (k) => bootmem.alloc_bootmem_pages(k, 1)],
    ['alloc_bootmem_low_pages', (k) => bootmem.alloc_bootmem_low_pages(k, 1)],
    ['alloc_bootmem_node', (k) => bootmem.alloc_bootmem_node(k, 0, 1)],
    ['alloc_bootmem_pages_node', (k) => bootmem.alloc_bootmem_pages_node(k, 0, 1)],
    ['alloc_bootmem_low_pages_node', (k) => bootmem.alloc_bootmem_low_pages_node(k, 0, 1)],
    ['__alloc_bootmem', (k) => bootmem.__alloc_bootmem(k, 1, 1, 0)],
    ['__alloc_bootmem_low', (k) => bootmem.__alloc_bootmem_low(k, 1, 1, 0)],
    ['__alloc_bootmem_node', (k) => bootmem.__alloc_bootmem_node(k, 0, 1, 1, 0)],
    ['__alloc_bootmem_low_node', (k) => bootmem.__alloc_bootmem_low_node(k, 0, 1, 1, 0)],
    ['__alloc_bootmem_core', (k) => __alloc_bootmem_core(k, 0, 1, 1, 0, 0)],
    ['free_bootmem', (k) => bootmem.free_bootmem(k, 20 * MIB, MIB)],
    ['free_bootmem_node', (k) => bootmem.free_bootmem_node(k, 0, 20 * MIB, MIB)],
    ['reserve_bootmem', (k) => bootmem.reserve_bootmem(k, 20 * MIB, MIB)],
    ['reserve_bootmem_node', (k) => bootmem.reserve_bootmem_node(k, 0, 20 * MIB, MIB)],
    ['init_bootmem_node', (k) => init_bootmem_node(k, 3, MAP_FRAME, 0, 10)],
  ];

  test.each(calls)('%s is a bug that says its name (claim 78)', (name, call) => {
    const { k } = oneNode();
    closeBootmem(k, 0);
    expect(() => call(k)).toThrow(KernelBug);
    expect(() => call(k)).toThrow(new RegExp(`^${name}: boot memory is only there while the kernel boots`));
  });

  test('of one node, the others go on', () => {
    const k = bareCpu('x86', [{ start: 0, bytes: 32 * MIB, offset: 0 }]);
    init_bootmem_node(k, 0, MAP_FRAME, 0, 4 * SECTION_PAGES);
    init_bootmem_node(k, 1, MAP_FRAME + 1, 4 * SECTION_PAGES, 8 * SECTION_PAGES);
    bootmem.free_bootmem(k, 16 * MIB, 16 * MIB);
    closeBootmem(k, 0);
    expect(bootmem.alloc_bootmem_node(k, 0, 1)).toBe(k.space.PAGE_OFFSET + 16 * MIB);
    expect(() => bootmem.free_bootmem_node(k, 0, 0, MIB)).toThrow('node 0 has no boot memory');
  });
});

describe('any sequence of calls', () => {
  /** A small node with holes of its own, so that requests often fail, wrap around and merge. */
  const FIRST = 5 * SECTION_PAGES - 37;
  const FRAMES = 150;

  type Step =
    | { readonly do: 'alloc'; readonly size: number; readonly align: number; readonly goal: number }
    | { readonly do: 'free'; readonly which: number; readonly from: number; readonly cut: number }
    | { readonly do: 'reserve'; readonly at: number; readonly size: number };

  const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 5 * PAGE_SIZE }));
  const position = fc.integer({ min: 0, max: FRAMES * PAGE_SIZE - 1 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('alloc' as const),
        size,
        align: fc.integer({ min: 0, max: 15 }).map((shift) => 2 ** shift),
        goal: fc.oneof(fc.constant(0), position),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('free' as const),
        which: fc.nat(),
        from: fc.nat(2 * PAGE_SIZE),
        cut: fc.nat(2 * PAGE_SIZE),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reserve' as const), at: position, size }) },
  );

  test('keeps live memory apart, inside what is usable, aligned and zeroed; the map is right', () => {
    const k = bareCpu('x86_64', [
      { start: 0, bytes: 16 * MIB, offset: 0 },
      { start: 16 * MIB, bytes: 8 * MIB, offset: 16 * MIB },
    ]);
    const base = FIRST * PAGE_SIZE;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), (steps) => {
        k.i32[KERNEL.bootmem_data] = 0;
        init_bootmem_node(k, 0, MAP_FRAME, FIRST, FIRST + FRAMES);
        const free = new Set<number>();
        for (let frame = FIRST + 3; frame < FIRST + FRAMES; frame++) free.add(frame);
        bootmem.free_bootmem_node(k, 0, base + 3 * PAGE_SIZE - 1, (FRAMES - 3) * PAGE_SIZE + 1);
        let lastSuccess = 0;
        const live: { start: number; end: number }[] = [];
        /** Frames in which live memory lies, or lay: only these may an allocation share. */
        const shared = new Set<number>();
        k.u8.fill(0xaa, base, base + FRAMES * PAGE_SIZE);

        for (const action of steps) {
          if (action.do === 'alloc') {
            const goal = action.goal === 0 ? 0 : base + action.goal;
            const address = __alloc_bootmem_core(k, 0, action.size, action.align, goal, 0);
            const wanted = firstFit(free, goal, lastSuccess, action.size, action.align);
            if (wanted === undefined) {
              expect(address).toBe(0);
              continue;
            }
            lastSuccess = wanted;
            const start = address - k.space.PAGE_OFFSET;
            const end = start + action.size;
            // It begins with the first frame that fits, or in the tail of the page in front of that.
            expect(Math.ceil(start / PAGE_SIZE)).toBe(wanted);
            expect(start % action.align).toBe(0);
            for (const other of live) expect(start >= other.end || end <= other.start).toBe(true);
            for (let frame = Math.floor(start / PAGE_SIZE); frame < Math.ceil(end / PAGE_SIZE); frame++) {
              expect(free.delete(frame) || shared.has(frame)).toBe(true);
              shared.add(frame);
            }
            const at = byteOf(k, start);
            expect(firstOther(k.u8.subarray(at, at + action.size), 0)).toBe(-1);
            k.u8.fill(0x55, at, at + action.size);
            live.push({ start, end });
          } else if (action.do === 'free') {
            const block = live.at(action.which % live.length);
            if (block === undefined) continue;
            const start = block.start + action.from;
            const end = block.end - action.cut;
            if (end <= start) continue;
            const frames = framesWithin(start, end);
            // Its ends may be shared with others, but whole pages are its own.
            bootmem.free_bootmem_node(k, 0, start, end - start);
            for (const frame of frames) {
              free.add(frame);
              shared.delete(frame);
            }
            if (frames.length > 0) {
              lastSuccess = Math.min(lastSuccess, frames[0]);
              live.splice(live.indexOf(block), 1);
              const left = { start: block.start, end: frames[0] * PAGE_SIZE };
              const right = { start: (frames.at(-1)! + 1) * PAGE_SIZE, end: block.end };
              // An empty rest is nowhere: memory allocated later may reach over it.
              live.push(...[left, right].filter(({ start, end }) => start < end));
            }
          } else {
            const start = base + action.at;
            const end = Math.min(start + action.size, base + FRAMES * PAGE_SIZE);
            bootmem.reserve_bootmem(k, start, end - start);
            for (let f = Math.floor(start / PAGE_SIZE); f < Math.ceil(end / PAGE_SIZE); f++) free.delete(f);
          }
          expect(freeFrames(k)).toEqual([...free].sort((a, b) => a - b));
        }
        for (const { start, end } of live) {
          const at = byteOf(k, start);
          expect(firstOther(k.u8.subarray(at, at + end - start), 0x55)).toBe(-1);
        }
      }),
      { numRuns: 150 },
    );
  });

  function framesWithin(start: number, end: number): number[] {
    const first = Math.ceil(start / PAGE_SIZE);
    return Array.from({ length: Math.max(0, Math.floor(end / PAGE_SIZE) - first) }, (_, i) => first + i);
  }

  /** The frame where an allocation should begin, found the simple way. */
  function firstFit(
    free: ReadonlySet<number>,
    goal: number,
    lastSuccess: number,
    size: number,
    align: number,
  ): number | undefined {
    const pages = Math.ceil(size / PAGE_SIZE);
    const step = Math.max(1, align / PAGE_SIZE);
    const end = FIRST + FRAMES;
    const fits = (frame: number) =>
      frame % step === 0 && Array.from({ length: pages }, (_, i) => frame + i).every((f) => free.has(f));
    const frames = Array.from({ length: FRAMES }, (_, i) => FIRST + i);
    const goalFrame = Math.floor((Math.ceil(goal / align) * align) / PAGE_SIZE);
    const from = goal === 0 || goalFrame >= end ? FIRST : Math.max(goalFrame, lastSuccess);
    return frames.find((frame) => frame >= from && fits(frame)) ?? frames.find(fits);
  }
});

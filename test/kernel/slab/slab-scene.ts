import { imageBytes, type Hardware } from '../../../src/arch/hardware.js';
import { MemoryImage } from '../../../src/image/memory-image.js';
import { start_kernel } from '../../../src/kernel/boot.js';
import type { Cpu } from '../../../src/kernel/core/cpu.js';
import type { ModuleFunction } from '../../../src/kernel/core/platform.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import { describeViolation } from '../../../src/kernel/debug/audit-describe.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { page_to_nid } from '../../../src/kernel/mm/page.js';
import { firstCache, nextCache } from '../../../src/kernel/slab/cache-chain.js';
import { cacheName } from '../../../src/kernel/slab/cache-name.js';
import { ARRAY_CACHE, KMEM_LIST3, nodeList, ownArrays } from '../../../src/kernel/slab/kmem-cache.js';
import { slotFrame, addressSlot } from '../../../src/kernel/slab/slot.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../../support/boot-in-process.js';

/** What the tests of the slab allocator share. */

/** A booted machine with the slab allocator, on this thread. */
export function slabMachine(hardware: Hardware = twoNodes()): LoneMachine {
  return bootInProcess(hardware, MemoryImage.create(imageBytes(hardware)), start_kernel);
}

/** A line of /proc/slabinfo. */
export interface SlabRow {
  readonly activeObjects: number;
  readonly objects: number;
  readonly size: number;
  readonly perSlab: number;
  readonly pages: number;
  readonly limit: number;
  readonly batchcount: number;
  readonly sharedFactor: number;
  readonly activeSlabs: number;
  readonly slabs: number;
  readonly shared: number;
}

/** The numbers of a line of /proc/slabinfo, in order. */
export function rowNumbers(line: string): number[] {
  return [...line.slice(17).matchAll(/\d+/g)].map(Number);
}

/** The line of a cache in /proc/slabinfo. */
export function slabLine(k: Kernel, name: string): string {
  const lines = k.cat('/proc/slabinfo').split('\n').slice(2);
  const line = lines.find((text) => text.startsWith(`${name} `));
  if (line === undefined) throw new Error(`/proc/slabinfo has no ${name}`);
  return line;
}

/** What /proc/slabinfo says of a cache. */
export function slabRow(k: Kernel, name: string): SlabRow {
  const [activeObjects, objects, size, perSlab, pages, ...rest] = rowNumbers(slabLine(k, name));
  const [limit, batchcount, sharedFactor, activeSlabs, slabs, shared] = rest;
  return {
    ...{ activeObjects, objects, size, perSlab, pages, limit, batchcount, sharedFactor },
    ...{ activeSlabs, slabs, shared },
  };
}

/** The cache of a name, or 0. */
export function cacheCalled(k: Cpu, name: string): number {
  for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) {
    if (cacheName(k, cache) === name) return cache;
  }
  return 0;
}

/** So many objects. */
export function allocate(k: Kernel, cache: number, count: number, gfp = GFP_KERNEL): number[] {
  const objects = Array.from({ length: count }, () => k.kmem_cache_alloc(cache, gfp));
  if (objects.includes(0)) throw new Error('no memory for a test');
  return objects;
}

/** The node of an object. */
export function nodeOf(k: Cpu, object: number): number {
  return page_to_nid(k, slotFrame(addressSlot(k, object)));
}

/** Objects in the array of a CPU. */
export function inArray(k: Cpu, cache: number, cpu: number): number {
  return k.i32[k.i32[ownArrays(k, cache) + cpu] + ARRAY_CACHE.at.avail];
}

/** Objects in the array that a node's CPUs have for another node. */
export function inAlien(k: Cpu, cache: number, node: number, other: number): number {
  const table = k.i32[nodeList(k, cache, node) + KMEM_LIST3.at.alien];
  return k.i32[k.i32[table + other] + ARRAY_CACHE.at.avail];
}

/** A field of a node's lists. */
export function listField(k: Cpu, cache: number, node: number, field: keyof typeof KMEM_LIST3.at): number {
  return k.i32[nodeList(k, cache, node) + KMEM_LIST3.at[field]];
}

/** Registers a function of the test as a module's. */
export function register({ k, platform }: LoneMachine, name: string, run: ModuleFunction): number {
  platform.modules.set(`${name}@test`, run);
  return k.module_symbol('test', name);
}

/** What the audit finds, as sentences. */
export function faults(k: Cpu): string[] {
  return audit(k).violations.map(describeViolation);
}

/** All frames of a node that an ordinary request can get, one by one. */
export function exhaustNode(k: Kernel, node: number, gfp: number): number[] {
  const frames: number[] = [];
  for (let pfn = k.alloc_pages_node(node, gfp, 0); pfn !== 0; pfn = k.alloc_pages_node(node, gfp, 0))
    frames.push(pfn);
  return frames;
}

import { fc, test as propertyTest } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { imageBytes } from '../../src/arch/hardware.js';
import { MemoryImage } from '../../src/image/memory-image.js';
import { KERNEL } from '../../src/kernel/core/kernel-data.js';
import { LOG_BUF_BYTES } from '../../src/kernel/core/limits.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import {
  __GFP_COLD,
  __GFP_THISNODE,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_TEMPORARY,
  GFP_THISNODE,
  GFP_USER,
} from '../../src/kernel/mm/gfp.js';
import { MPOL_BIND, MPOL_DEFAULT, MPOL_INTERLEAVE, MPOL_PREFERRED } from '../../src/kernel/mm/mempolicy.js';
import { dropPages } from '../../src/kernel/mm/page-free.js';
import { PAGE, PG_dirty, PG_referenced, pageOf } from '../../src/kernel/mm/page.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../support/boot-in-process.js';
import { debug } from '../support/hardware.js';

/**
 * Single pages mostly go a short way through the hot list. A machine where they all go the long way must end the same,
 * to the last word of memory.
 */

const MASKS = [
  GFP_KERNEL,
  GFP_KERNEL,
  GFP_ATOMIC,
  GFP_USER,
  GFP_HIGHUSER_MOVABLE,
  GFP_HIGHUSER_MOVABLE,
  GFP_TEMPORARY,
  GFP_KERNEL | GFP_DMA,
  GFP_KERNEL | __GFP_ZERO,
  GFP_KERNEL | __GFP_COLD,
  GFP_KERNEL | __GFP_THISNODE,
];

const FILL_ORDER = 3;

type Step =
  | { readonly op: 'alloc'; cpu: number; mask: number; order: number; count: number }
  | { readonly op: 'free'; cpu: number; which: number; count: number; cold: boolean }
  | { readonly op: 'get' | 'dirty' | 'use' | 'spoil'; cpu: number; which: number }
  | { readonly op: 'policy'; cpu: number; mode: number; node: number }
  | { readonly op: 'disable'; cpu: number }
  | { readonly op: 'drain'; cpu: number }
  | { readonly op: 'fill'; cpu: number };

const cpu = fc.nat(3);
const which = fc.nat();
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('alloc' as const),
      cpu,
      mask: fc.constantFrom(...MASKS),
      order: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat(10)),
      count: fc.oneof(fc.nat(3), fc.nat(80)),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('free' as const),
      cpu,
      which,
      count: fc.oneof(fc.nat(3), fc.nat(80)),
      cold: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constantFrom('get', 'dirty', 'use', 'spoil'), cpu, which }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('policy' as const),
      cpu,
      mode: fc.constantFrom(MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE),
      node: fc.nat(1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('disable', 'drain', 'fill'), cpu }) },
);

/** What a machine did so far: its pages, and what its calls returned. */
interface Run {
  readonly machine: LoneMachine;
  readonly isLong: boolean;
  readonly held: { pfn: number; order: number }[];
  readonly results: number[];
}

const HARDWARE = twoNodes(48);

/** The memory of the two machines, again and again: most of a run's time would go into touching fresh memory. */
const images = [false, true].map(() => MemoryImage.create(imageBytes(HARDWARE)));

function boot(isLong: boolean, sleep: boolean): Run {
  const image = images[Number(isLong)];
  image.i32.fill(0);
  const machine = bootInProcess({ ...HARDWARE, debug: sleep ? debug('sleep') : debug() }, image);
  // A second cpuset, which allows what the first allows, is enough for allocations.
  if (isLong) machine.k.i32[KERNEL.number_of_cpusets] = 2;
  return { machine, isLong, held: [], results: [] };
}

function perform(run: Run, step: Step): void {
  const k = run.machine.cpus[step.cpu];
  if (step.op === 'alloc') {
    for (let i = 0; i < step.count; i++) {
      const pfn = k.alloc_pages(step.mask, step.order);
      run.results.push(pfn);
      if (pfn !== 0) run.held.push({ pfn, order: step.order });
    }
  } else if (step.op === 'free') {
    for (let i = 0; i < step.count; i++) free(run, k, step.which, step.cold);
  } else if (step.op === 'policy') {
    run.results.push(k.set_mempolicy(step.mode, step.mode === MPOL_DEFAULT ? [] : [step.node]));
  } else if (step.op === 'drain') {
    k.drain_local_pages();
  } else if (step.op === 'fill') {
    fill(run, k);
  } else if (step.op === 'disable') {
    const flags = k.local_irq_save();
    run.results.push(k.alloc_pages(GFP_ATOMIC, 0), k.alloc_pages(GFP_KERNEL, 0));
    for (const pfn of run.results.slice(-2)) if (pfn !== 0) freePages(run, k, pfn, 0);
    k.local_irq_restore(flags);
  } else if (run.held.length > 0) {
    touch(run, k, step.op, step.which);
  }
}

/** Leaves the CPU's node little more than its watermarks. */
function fill(run: Run, k: Kernel): void {
  for (;;) {
    const pfn = k.alloc_pages(GFP_KERNEL | GFP_THISNODE, FILL_ORDER);
    if (pfn === 0) break;
    run.held.push({ pfn, order: FILL_ORDER });
  }
}

function free(run: Run, k: Kernel, which: number, cold: boolean): void {
  if (run.held.length === 0) return;
  const [{ pfn, order }] = run.held.splice(which % run.held.length, 1);
  if (cold && order === 0) k.free_cold_page(pfn);
  else freePages(run, k, pfn, order);
}

function freePages(run: Run, k: Kernel, pfn: number, order: number): void {
  if (run.isLong) dropPages(k, pfn, order);
  else k.__free_pages(pfn, order);
}

/** What owners do with their pages, or should not do. */
function touch(run: Run, k: Kernel, op: 'get' | 'dirty' | 'use' | 'spoil', which: number): void {
  const block = run.held[which % run.held.length];
  const page = pageOf(k.i32, block.pfn + (which % 2 ** block.order));
  if (op === 'get') {
    k.get_page(block.pfn);
    run.held.push({ ...block });
  } else if (op === 'dirty') {
    k.i32[page + PAGE.at.flags] |= 1 << PG_dirty;
  } else if (op === 'use') {
    k.i32[page + PAGE.at.flags] |= 1 << PG_referenced;
    k.i32[page + PAGE.at.private] = 7;
    k.i32[page + PAGE.at.index] = 9;
  } else {
    k.i32[page + (which % 3 === 0 ? PAGE.at.mapping : PAGE.at._mapcount)] = 5;
  }
}

/** Words that are compared at once: most are the same. */
const STRETCH = 1024;

/** The first words that differ, but for the number of cpusets and the log, whose call traces differ. */
function differences(one: Run, other: Run): string[] {
  const { k } = one.machine;
  const a = k.i32;
  const b = other.machine.k.i32;
  const found: string[] = [];
  // In front of the kernel's data stand the firmware tables.
  for (let start = KERNEL.system_state; start < a.length && found.length < 5; start += STRETCH) {
    const end = Math.min(start + STRETCH, a.length);
    if (bytesOf(a, start, end).equals(bytesOf(b, start, end))) continue;
    for (let word = start; word < end; word++) {
      if (a[word] === b[word] || word === KERNEL.number_of_cpusets || isLog(word)) continue;
      found.push(`${k.nameOf(word)}: ${a[word]}, ${b[word]}`);
    }
  }
  return found;
}

function bytesOf({ buffer, byteOffset }: Int32Array, start: number, end: number): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset + start * 4, (end - start) * 4);
}

function isLog(word: number): boolean {
  const text = word - KERNEL.log_buf;
  return word === KERNEL.log_end || (text >= 0 && text < LOG_BUF_BYTES / 4);
}

/** What was reported, without call traces. */
function reports(run: Run): string[] {
  return run.machine.platform.reports.map((report) => report.replace(/^ +\[<.*\n?/gm, ''));
}

describe('the short way of single pages', () => {
  const steps = fc.array(step, { minLength: 50, maxLength: 200, size: 'max' });
  propertyTest.prop([steps, fc.boolean()], { numRuns: 25 })('does what the long way does', (steps, sleep) => {
    const short = boot(false, sleep);
    const long = boot(true, sleep);
    for (const each of steps) {
      const known = short.results.length;
      for (const run of [short, long]) perform(run, each);
      expect(short.results.slice(known)).toEqual(long.results.slice(known));
    }
    expect(reports(short)).toEqual(reports(long));
    expect(differences(short, long)).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { listFiles } from '../../../src/kernel/fs/list-files.js';
import { set_pageblock_migratetype } from '../../../src/kernel/mm/buddy.js';
import {
  GFP_HIGHUSER,
  GFP_KERNEL,
  GFP_TEMPORARY,
  MIGRATE_RECLAIMABLE,
  MIGRATE_RESERVE,
  MIGRATE_UNMOVABLE,
} from '../../../src/kernel/mm/gfp.js';
import { MPOL_DEFAULT, MPOL_INTERLEAVE } from '../../../src/kernel/mm/mempolicy.js';
import { zoneOfFlags, pageOf, PAGE } from '../../../src/kernel/mm/page.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { twoNodes } from '../../support/boot-in-process.js';
import { foldAll, KnownMachine, withHighMemory } from './known-machine.js';

/** Sets the type of a frame's pageblock. */
function setType(k: Kernel, pfn: number, type: number): void {
  set_pageblock_migratetype(k, zoneOfFlags(k.i32, k.i32[pageOf(k.i32, pfn) + PAGE.at.flags]), pfn, type);
}

/** Two nodes: frees and allocations on all CPUs, hits, misses and interleaving. */
function numaMachine(): Kernel {
  const known = new KnownMachine(twoNodes());
  const { k, cpus } = known.machine;
  setType(k, 12288, MIGRATE_UNMOVABLE);
  setType(k, 12800, MIGRATE_RECLAIMABLE);
  setType(k, 6144, MIGRATE_UNMOVABLE);
  setType(k, 2560, MIGRATE_RESERVE);
  known.free(cpus[0], 2561, 301);
  known.free(cpus[1], 6144, 1200);
  known.free(cpus[2], 12288, 3000);
  known.free(cpus[3], 15872, 77);
  // Whole blocks from the node of the CPU and from the other.
  for (const order of [1, 3, 5]) cpus[1].__free_pages(cpus[1].alloc_pages_node(0, GFP_KERNEL, order), order);
  cpus[2].alloc_pages_node(1, GFP_KERNEL, 4);
  cpus[3].alloc_pages_node(0, GFP_KERNEL, 2);
  // Node 0 has one block of this size: then node 1 steps in.
  for (let i = 0; i < 3; i++) cpus[0].alloc_pages_node(0, GFP_TEMPORARY, 9);
  for (let i = 0; i < 4; i++) cpus[2].alloc_page(GFP_KERNEL);
  cpus[3].set_mempolicy(MPOL_INTERLEAVE, [0, 1]);
  for (let i = 0; i < 7; i++) cpus[3].alloc_page(GFP_KERNEL);
  cpus[3].set_mempolicy(MPOL_DEFAULT);
  foldAll(known.machine);
  return k;
}

/** One node with HighMem and Movable. */
function highMachine(): Kernel {
  const known = new KnownMachine(withHighMemory());
  const { k, cpus } = known.machine;
  known.free(cpus[0], 3072, 500);
  known.free(cpus[0], 8192, 1500);
  known.free(cpus[1], 13312, 555);
  known.free(cpus[1], 15360, 200);
  for (let i = 0; i < 20; i++) cpus[i % 2].alloc_page(i % 3 === 0 ? GFP_KERNEL : GFP_HIGHUSER);
  cpus[0].alloc_pages(GFP_HIGHUSER, 5);
  cpus[1].alloc_pages(GFP_KERNEL, 6);
  foldAll(known.machine);
  return k;
}

describe.each([
  ['numa', numaMachine],
  ['highmem', highMachine],
])('the files of the %s machine after a known sequence of operations', (name, boot) => {
  const k = boot();
  test.each(listFiles(k))('%s', async (path) => {
    const fixture = path.slice(1).replaceAll('/', '-').replace('sys-devices-system-', '');
    await expect(k.cat(path)).toMatchFileSnapshot(`../../fixtures/proc/${name}/${fixture}.txt`);
  });
});

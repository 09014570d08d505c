import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { WaitGivenUp } from '../../../src/kernel/core/errors.js';
import { FileError } from '../../../src/kernel/fs/file-error.js';
import { SLABINFO_HEADING, slabinfoRow } from '../../../src/kernel/fs/proc/slabinfo.js';
import { writeFile } from '../../../src/kernel/fs/write-file.js';
import { refresh_cpu_vm_stats } from '../../../src/kernel/mm/vmstat-refresh.js';
import { PAGE, pageOf, PG_slab } from '../../../src/kernel/mm/page.js';
import { GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { SLAB_RECLAIM_ACCOUNT } from '../../../src/kernel/slab/slab-flags.js';
import { bootInProcess } from '../../support/boot-in-process.js';
import { allocate, cacheCalled, inArray, listField, rowNumbers, slabMachine, slabRow } from './slab-scene.js';

const PATH = '/proc/slabinfo';

function refusal(call: () => void): FileError {
  try {
    call();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('the text', () => {
  test('numbers of a real kernel, printed again, are the real text', () => {
    const url = new URL('../../fixtures/proc/linux-6.1/slabinfo.txt', import.meta.url);
    const real = readFileSync(url, 'utf8');
    let again = SLABINFO_HEADING;
    for (const line of real.trimEnd().split('\n').slice(2)) {
      const numbers = rowNumbers(line);
      const name = line.slice(0, line.indexOf(' '));
      again += `${slabinfoRow(name, numbers.slice(0, 5), numbers.slice(5, 8), numbers.slice(8))}\n`;
    }
    expect(again).toBe(real);
  });

  test('a line for each cache, newest first, with what it has', () => {
    const { k } = slabMachine();
    const cache = k.kmem_cache_create('seven_hundred', 700, 0, 0);
    const objects = allocate(k, cache, 12);
    const line = k.cat(PATH).split('\n')[2];
    // Each time the array was empty it took a new slab as a whole: what lies there counts as out.
    expect(line).toBe(
      'seven_hundred         22     22    704   11    2 : tunables   54   27    8 : slabdata      2      2      0',
    );
    for (const object of objects) k.kmem_cache_free(cache, object);
    expect(slabRow(k, 'seven_hundred')).toMatchObject({ activeObjects: 22, activeSlabs: 2, slabs: 2 });
    expect(k.kmem_cache_shrink(cache)).toBe(0);
    expect(slabRow(k, 'seven_hundred')).toMatchObject({
      activeObjects: 0,
      objects: 0,
      activeSlabs: 0,
      slabs: 0,
    });
    expect(k.kmem_cache_destroy(cache)).toBe(0);
    expect(k.cat(PATH)).not.toContain('seven_hundred');
    expect(slabRow(k, 'kmem_cache').objects).toBeGreaterThan(0);
  });

  test('without the allocator there are no caches', () => {
    expect(bootInProcess().k.cat(PATH)).toBe(SLABINFO_HEADING);
  });

  test('its slabs are the Slab of meminfo, and the pages of slabs in the memory map', () => {
    const { k, cpus } = slabMachine();
    const cache = cpus[2].kmem_cache_create('dentry', 200, 0, SLAB_RECLAIM_ACCOUNT);
    allocate(cpus[2], cache, 100);
    let pages = 0;
    for (const line of k.cat(PATH).trimEnd().split('\n').slice(2)) {
      const [, , , , perSlab, , , , , slabs] = rowNumbers(line);
      pages += perSlab * slabs;
    }
    let mapped = 0;
    for (let pfn = 1; pfn < k.i32[KERNEL.max_pfn]; pfn++) {
      if ((k.i32[pageOf(k.i32, pfn) + PAGE.at.flags] & (1 << PG_slab)) !== 0) mapped++;
    }
    const kB = (name: string, text: string): number =>
      Number(new RegExp(`${name}: +(\\d+) kB`).exec(text)![1]);
    for (const cpu of cpus) refresh_cpu_vm_stats(cpu);
    const meminfo = k.cat('/proc/meminfo');
    expect(mapped).toBe(pages);
    expect(kB('Slab', meminfo)).toBe(4 * pages);
    expect(kB('SReclaimable', meminfo)).toBe(4 * slabRow(k, 'dentry').slabs);
    const nodes = [0, 1].map((nid) => k.cat(`/sys/devices/system/node/node${nid}/meminfo`));
    expect(kB('SReclaimable', nodes[1])).toBe(kB('SReclaimable', meminfo));
    expect(kB('Slab', nodes[0]) + kB('Slab', nodes[1])).toBe(4 * pages);
  });
});

describe('writing tunables', () => {
  test('exchanges the arrays of all CPUs; what was in them goes back to the slabs', () => {
    const { k, cpus } = slabMachine();
    const console = k.as(4);
    const cache = k.kmem_cache_create('tuned', 100, 0, 0);
    const held = cpus.map((cpu) => allocate(cpu, cache, 5));
    const before = slabRow(k, 'tuned');
    expect(cpus.map((cpu) => inArray(k, cache, cpu.cpu)).every((count) => count > 0)).toBe(true);
    writeFile(console, PATH, 'tuned 300 100 2\n');
    const row = slabRow(k, 'tuned');
    expect(row).toMatchObject({ limit: 300, batchcount: 100, sharedFactor: 2, activeObjects: 20 });
    expect(row.objects).toBe(before.objects);
    expect(cpus.map((cpu) => inArray(k, cache, cpu.cpu))).toEqual([0, 0, 0, 0]);
    expect(listField(k, cache, 0, 'free_limit')).toBe((1 + 2) * 100 + row.perSlab);
    writeFile(console, PATH, 'tuned 1 1 0');
    for (const cpu of cpus) for (const object of held[cpu.cpu]) cpu.kmem_cache_free(cache, object);
    expect(cpus.map((cpu) => inArray(k, cache, cpu.cpu))).toEqual([1, 1, 1, 1]);
    expect(k.kmem_cache_destroy(cache)).toBe(0);
  });

  test('leaves no trace: the general caches have as many objects as before', () => {
    const { k } = slabMachine();
    k.kmem_cache_create('tuned', 100, 0, 0);
    const used = (): number[] =>
      k
        .cat(PATH)
        .split('\n')
        .slice(2, -1)
        .map((line) => rowNumbers(line)[0]);
    writeFile(k.as(4), PATH, 'tuned 300 100 2');
    const before = used();
    for (let i = 0; i < 5; i++) writeFile(k.as(4), PATH, `tuned 300 100 ${i + 1}`);
    writeFile(k.as(4), PATH, 'tuned 300 100 2');
    const after = used();
    // What is in arrays counts as used, too: it may be there instead of in a slab, but it does not get more and more.
    for (let i = 0; i < before.length; i++) expect(after[i] - before[i]).toBeLessThan(24);
  });

  test.each([
    ['x'.repeat(129), /129 bytes are more than 128/],
    ['size-64', /"size-64" is not a name and three integers/],
    ['size-64 120 60', /three integers/],
    ['size-64 120 sixty 8', /three integers/],
    ['size-64 99999999999 60 8', /three integers/],
    ['size-65 120 60 8', /there is no cache "size-65"/],
    ['', /three integers/],
  ])('%j is -EINVAL', (text, reason) => {
    const { k } = slabMachine();
    const error = refusal(() => writeFile(k, PATH, text));
    expect(error.errno).toBe(-22);
    expect(error.message).toMatch(reason);
    expect(error.message).toContain('write "name limit batchcount sharedfactor"');
  });

  test.each(['size-64 0 1 8', 'size-64 10 0 8', 'size-64 10 11 8', 'size-64 10 5 -1'])(
    '%j makes no sense: ignored without an error, as from 2.6.16 on',
    (text) => {
      const { k } = slabMachine();
      const before = k.cat(PATH);
      writeFile(k, PATH, text);
      expect(k.cat(PATH)).toBe(before);
    },
  );

  test('arrays larger than any object are -ENOMEM, and change nothing', () => {
    const { k } = slabMachine();
    const before = slabRow(k, 'size-64');
    expect(refusal(() => writeFile(k, PATH, 'size-64 1000000 10 8')).errno).toBe(-12);
    expect(slabRow(k, 'size-64')).toMatchObject({ limit: before.limit, batchcount: before.batchcount });
  });

  test('waits until no task is changing caches', () => {
    const { k } = slabMachine();
    k.mutex_lock(KERNEL.cache_chain_mutex);
    expect(() => writeFile(k.as(4), PATH, 'size-64 10 5 8')).toThrow(WaitGivenUp);
    k.mutex_unlock(KERNEL.cache_chain_mutex);
    writeFile(k.as(4), PATH, 'size-64 10 5 8');
    expect(slabRow(k, 'size-64').limit).toBe(10);
    expect(k.kmalloc(64, GFP_KERNEL)).not.toBe(0);
    expect(cacheCalled(k, 'size-64')).not.toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { __GFP_HIGHMEM, __GFP_NOFAIL, GFP_ATOMIC, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { FileError } from '../../../src/kernel/fs/file-error.js';
import { writeFile } from '../../../src/kernel/fs/write-file.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { debugMachine, logOf } from '../slab/debug-scene.js';
import { faults, slabMachine } from '../slab/slab-scene.js';

const FAILSLAB = '/sys/kernel/debug/failslab';
const FAIL_PAGE_ALLOC = '/sys/kernel/debug/fail_page_alloc';

/** A machine whose allocations can be made to fail, and what is set there. */
function faulty(folder: string, settings: Readonly<Record<string, string | number>>): Kernel {
  const { k } = debugMachine({ faults: true });
  for (const [file, value] of Object.entries(settings)) writeFile(k, `${folder}/${file}`, `${value}\n`);
  return k;
}

/** Which of so many requests fail, from 1. */
function failures(requests: number, request: () => number): number[] {
  const failed: number[] = [];
  for (let i = 1; i <= requests; i++) if (request() === 0) failed.push(i);
  return failed;
}

/** A request that gives back what it gets. */
const object =
  (k: Kernel, gfp = GFP_ATOMIC, bytes = 64) =>
  () => {
    const p = k.kmalloc(bytes, gfp);
    k.kfree(p);
    return p;
  };
const block =
  (k: Kernel, order: number, gfp = GFP_ATOMIC) =>
  () => {
    const pfn = k.alloc_pages(gfp, order);
    if (pfn !== 0) k.__free_pages(pfn, order);
    return pfn;
  };

describe('failure injection', () => {
  it('fails nothing until it is told to', () => {
    const k = faulty(FAILSLAB, {});
    expect(failures(50, object(k))).toEqual([]);
    expect(failures(50, block(k, 1))).toEqual([]);
    expect(k.cat(`${FAILSLAB}/probability`)).toBe('0\n');
    expect(k.cat(`${FAILSLAB}/interval`)).toBe('1\n');
    expect(k.cat(`${FAILSLAB}/times`)).toBe('1\n');
    expect(k.cat(`${FAIL_PAGE_ALLOC}/ignore-gfp-wait`)).toBe('Y\n');
    expect(k.cat(`${FAIL_PAGE_ALLOC}/min-order`)).toBe('1\n');
  });

  it('fails as often as `times` says', () => {
    const k = faulty(FAILSLAB, { probability: 100, times: 2 });
    expect(failures(5, object(k))).toEqual([1, 2]);
    expect(k.cat(`${FAILSLAB}/times`)).toBe('0\n');
    writeFile(k, `${FAILSLAB}/times`, '-1');
    expect(failures(5, object(k))).toEqual([1, 2, 3, 4, 5]);
    expect(k.cat(`${FAILSLAB}/times`)).toBe('-1\n');
  });

  it('fails every `interval`-th', () => {
    const k = faulty(FAILSLAB, { probability: 100, times: -1, interval: 3 });
    expect(failures(9, object(k))).toEqual([3, 6, 9]);
  });

  it('gives `space` bytes first', () => {
    const k = faulty(FAILSLAB, { probability: 100, space: 1000 });
    // Objects of 256 bytes: three fit, and what is left is not more than a fourth.
    expect(failures(6, object(k, GFP_ATOMIC, 200))).toEqual([4]);
  });

  it('fails by chance, the same requests for the same seed', () => {
    const settings = { probability: 20, times: -1, verbose: 0 };
    const by = (seed: number) => failures(500, object(faulty(FAILSLAB, { ...settings, seed })));
    const first = by(1);
    expect(first.length).toBeGreaterThan(70);
    expect(first.length).toBeLessThan(130);
    expect(by(1)).toEqual(first);
    expect(by(2)).not.toEqual(first);
  });

  it('fails the n-th request from now on', () => {
    const k = faulty(FAILSLAB, { nth: 4 });
    expect(failures(2, object(k))).toEqual([]);
    expect(k.cat(`${FAILSLAB}/nth`)).toBe('2\n');
    expect(failures(8, object(k))).toEqual([2]);
    expect(k.cat(`${FAILSLAB}/nth`)).toBe('0\n');
  });

  it('spares requests that may sleep, or must not fail, unless it is told otherwise', () => {
    const k = faulty(FAILSLAB, { probability: 100, times: -1 });
    expect(failures(2, object(k, GFP_KERNEL))).toEqual([]);
    expect(failures(2, object(k, GFP_ATOMIC | __GFP_NOFAIL))).toEqual([]);
    writeFile(k, `${FAILSLAB}/ignore-gfp-wait`, 'N');
    expect(failures(2, object(k, GFP_KERNEL))).toEqual([1, 2]);
    expect(failures(2, object(k, GFP_KERNEL | __GFP_NOFAIL))).toEqual([]);
  });

  it('says so in the log, with the call trace or without', () => {
    const k = faulty(FAILSLAB, { probability: 100 });
    const asker = object(k);
    asker();
    const heading =
      'FAULT_INJECTION: forcing a failure.\nname failslab, interval 1, probability 100, space 0, times 1\n';
    expect(logOf(k)).toContain(`${heading}CPU: 0 PID: `);
    expect(logOf(k)).toMatch(/\nCall Trace:\n( \[<.*\n)+ \[<faults\.test\.ts:\d+>\]/);
    const quiet = faulty(FAILSLAB, { probability: 100, verbose: 1 });
    object(quiet)();
    expect(logOf(quiet)).toContain(heading);
    expect(logOf(quiet)).not.toContain('Call Trace');
    const silent = faulty(FAILSLAB, { probability: 100, verbose: 0 });
    expect(object(silent)()).toBe(0);
    expect(logOf(silent)).not.toContain('FAULT_INJECTION');
  });

  it('lets kmem_cache_create fail at each of its requests, and nothing is lost', () => {
    const k = faulty(FAILSLAB, { 'ignore-gfp-wait': 'N', verbose: 0 });
    const cache = () => k.kmem_cache_create('unlucky', 100, 0, 0);
    k.kmem_cache_destroy(cache());
    let nth = 1;
    for (; nth < 100; nth++) {
      writeFile(k, `${FAILSLAB}/nth`, `${nth}`);
      const made = cache();
      expect(faults(k)).toEqual([]);
      if (made === 0) continue;
      writeFile(k, `${FAILSLAB}/nth`, '0');
      expect(k.kmem_cache_destroy(made)).toBe(0);
      break;
    }
    // The arrays of four CPUs, what two nodes have, and what tells the CPUs of it.
    expect(nth).toBeGreaterThan(8);
  });

  it('fails blocks of pages from an order on, and single pages, too', () => {
    const k = faulty(FAIL_PAGE_ALLOC, { probability: 100, times: -1, 'min-order': 2 });
    expect(failures(2, block(k, 1))).toEqual([]);
    expect(failures(2, block(k, 2))).toEqual([1, 2]);
    expect(failures(2, block(k, 2, GFP_KERNEL))).toEqual([]);
    expect(failures(2, block(k, 2, GFP_ATOMIC | __GFP_HIGHMEM))).toEqual([]);
    writeFile(k, `${FAIL_PAGE_ALLOC}/ignore-gfp-highmem`, 'N');
    expect(failures(2, block(k, 2, GFP_ATOMIC | __GFP_HIGHMEM))).toEqual([1, 2]);
    writeFile(k, `${FAIL_PAGE_ALLOC}/min-order`, '0');
    expect(failures(2, block(k, 0))).toEqual([1, 2]);
    expect(logOf(k)).toContain('name fail_page_alloc, ');
    writeFile(k, `${FAIL_PAGE_ALLOC}/nth`, '3');
    writeFile(k, `${FAIL_PAGE_ALLOC}/probability`, '0');
    expect(failures(5, block(k, 0))).toEqual([3]);
    expect(faults(k)).toEqual([]);
  });

  it('lets a cache fail that cannot grow', () => {
    const k = faulty(FAIL_PAGE_ALLOC, { probability: 100, times: -1, 'min-order': 0 });
    const cache = k.kmem_cache_create('growing', 2000, 0, 0);
    expect(k.kmem_cache_alloc(cache, GFP_ATOMIC)).toBe(0);
    writeFile(k, `${FAIL_PAGE_ALLOC}/times`, '0');
    expect(k.kmem_cache_alloc(cache, GFP_ATOMIC)).not.toBe(0);
    expect(faults(k)).toEqual([]);
  });

  it('refuses values that mean nothing, and says what would', () => {
    const k = faulty(FAILSLAB, {});
    const refused = (file: string, text: string) => {
      try {
        writeFile(k, `${FAILSLAB}/${file}`, text);
      } catch (error) {
        if (error instanceof FileError) return error.message.slice(FAILSLAB.length + 1);
      }
      return 'it was taken';
    };
    expect(refused('probability', '101')).toBe(
      'probability: 101 is not a value for it; write one integer from 0 to 100 (-EINVAL)',
    );
    expect(refused('interval', '0')).toContain('"0" is not a value for it');
    expect(refused('times', '-2')).toContain('write one integer from -1 to');
    expect(refused('ignore-gfp-wait', 'maybe')).toBe(
      'ignore-gfp-wait: "maybe" is not a value for it; write Y or N (-EINVAL)',
    );
    expect(refused('min-order', '1')).toContain('no such file; there are ');
  });

  it('has its files only where it was asked for', () => {
    const { k } = slabMachine();
    const hint = /no such file: it is there on a machine with debug\.faults \(-ENOENT\)/;
    expect(() => k.cat(`${FAILSLAB}/times`)).toThrow(hint);
    expect(() => {
      writeFile(k, `${FAILSLAB}/times`, '1');
    }).toThrow(hint);
    expect(() => k.cat('/sys/kernel/debug/failslabs')).toThrow(/no such file; there are /);
    expect(() => faulty(FAILSLAB, {}).cat('/no')).toThrow(
      /\/sys\/kernel\/debug\/fail_page_alloc\/\{.*min-order.*\}, \/sys\/kernel\/debug\/failslab\/\{.*nth.*\}/,
    );
  });
});

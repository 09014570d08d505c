import { describe, expect, it } from 'vitest';
import { addressSpace } from '../../../src/arch/address-space.js';
import { GFP_ATOMIC, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { page_address } from '../../../src/kernel/mm/address.js';
import { KMEM_CACHE, ownArrays, SLAB, slab_bufctl } from '../../../src/kernel/slab/kmem-cache.js';
import {
  SLAB_CTOR_ATOMIC,
  SLAB_CTOR_CONSTRUCTOR,
  SLAB_CTOR_VERIFY,
  SLAB_DEBUG_FREE,
  SLAB_DEBUG_INITIAL,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
} from '../../../src/kernel/slab/slab-flags.js';
import { logLeaks } from '../../../src/kernel/slab/slab-leaks.js';
import { addressSlot, slotAddress, slotSlab, wordSlot } from '../../../src/kernel/slab/slot.js';
import { twoNodes } from '../../support/boot-in-process.js';
import { bugOf, debugMachine, logOf, reportsOf, shown } from './debug-scene.js';
import { faults, register, slabMachine } from './slab-scene.js';

const ALL = SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;

/** A trace that begins in a function of this file. */
const trace = (title: string, name: string) =>
  new RegExp(`\\n${title}:\\n \\[<slab-debug\\.test\\.ts:\\d+>\\] ${name}\\n`);

describe('a debugged cache', () => {
  it('tells who allocated and who freed an object that is freed twice', () => {
    const { k } = debugMachine({});
    const cache = k.kmem_cache_create('twice', 40, 0, ALL);
    const maker = () => k.kmem_cache_alloc(cache, GFP_KERNEL);
    const breaker = (p: number) => {
      k.kmem_cache_free(cache, p);
    };
    const p = maker();
    breaker(p);
    const report = bugOf(() => {
      k.kmem_cache_free(cache, p);
    });
    expect(report).toContain(
      `kernel BUG: slab: double free detected in cache 'twice', objp ${shown(k, p)}.\n`,
    );
    expect(report).toMatch(trace('allocated at', 'maker'));
    expect(report).toMatch(trace('freed at', 'breaker'));
    // The first free counts, the second has changed nothing.
    expect(k.kmem_cache_destroy(cache)).toBe(0);
    expect(faults(k)).toEqual([]);
  });

  it('notices a second free by another CPU, while the object lies in the first one’s array', () => {
    const { k, cpus } = debugMachine({});
    const cache = k.kmem_cache_create('twice', 40, 0, ALL);
    const p = k.kmem_cache_alloc(cache, GFP_KERNEL);
    cpus[2].kmem_cache_free(cache, p);
    expect(bugOf(() => cpus[1].kmem_cache_free(cache, p))).toContain('double free detected');
  });

  it('refuses an object of another cache', () => {
    const { k } = debugMachine({});
    const right = k.kmem_cache_create('right', 40, 0, ALL);
    const wrong = k.kmem_cache_create('wrong', 40, 0, ALL);
    const maker = () => k.kmem_cache_alloc(right, GFP_KERNEL);
    const p = maker();
    const report = bugOf(() => {
      k.kmem_cache_free(wrong, p);
    });
    expect(report).toContain(
      `slab: wrong cache: object ${shown(k, p)} of cache 'right' was freed to cache 'wrong'\n`,
    );
    expect(report).toMatch(trace('allocated at', 'maker'));
    k.kmem_cache_free(right, p);
    const undebugged = k.kmem_cache_create('undebugged', 40, 0, 0);
    const q = k.kmem_cache_alloc(undebugged, GFP_KERNEL);
    expect(bugOf(() => k.kmem_cache_free(right, q))).toContain(
      `slab: wrong cache: object ${shown(k, q)} of cache 'undebugged' was freed to cache 'right'\n`,
    );
  });

  it('refuses an address inside an object, and one of no object', () => {
    const { k } = debugMachine({});
    const cache = k.kmem_cache_create('inside', 40, 0, ALL);
    const maker = () => k.kmem_cache_alloc(cache, GFP_KERNEL);
    const p = maker();
    const report = bugOf(() => {
      k.kfree(p + 8);
    });
    expect(report).toContain(
      `slab: ${shown(k, p + 8)} is not the start of an object of cache 'inside': ` +
        `it lies 8 bytes behind that of ${shown(k, p)}\n`,
    );
    expect(report).toMatch(trace('allocated at', 'maker'));
    const page = page_address(k, k.virt_to_page(p));
    expect(bugOf(() => k.kfree(page))).toContain(`slab: ${shown(k, page)} is no object of cache 'inside'\n`);
    expect(bugOf(() => k.kfree(p + 2))).toContain('it lies 2 bytes behind');
    k.kfree(p);
  });

  it('reports what was written to a free object, with both its users and its neighbours', () => {
    const machine = debugMachine({});
    const { k } = machine;
    const cache = k.kmem_cache_create('stale', 100, 0, ALL);
    const maker = () => k.kmem_cache_alloc(cache, GFP_KERNEL);
    const freer = (object: number) => {
      k.kmem_cache_free(cache, object);
    };
    const [p, next] = [maker(), maker()];
    freer(p);
    k.write8(p + 99, 0x6b);
    k.memset(p + 16, 1, 2);
    const [report] = reportsOf(machine, () => expect(maker()).toBe(p));
    const red = '0x9f911029d74e35b';
    expect(report).toContain(
      `Slab corruption: start=${shown(k, p)}, len=100\nin cache \`stale', written to while it was free\n` +
        `${shown(k, p)}: redzone 1:${red}, redzone 2:${red}\n`,
    );
    expect(report).toMatch(trace('allocated at', 'maker'));
    expect(report).toMatch(trace('freed at', 'freer'));
    expect(report).toContain('\n010: 01 01 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b\n060: 6b 6b 6b 6b\n');
    expect(report).toMatch(
      new RegExp(`\\n(Prev|Next) obj: start=${shown(k, next)}, len=100\nallocated at:\n.*maker\n`),
    );
    expect(report).toContain('\n000: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a');
  });

  it('fills fresh and free objects with patterns', () => {
    const { k } = debugMachine({});
    const cache = k.kmem_cache_create('patterns', 30, 0, ALL);
    const p = k.kmem_cache_alloc(cache, GFP_KERNEL);
    expect([...new Set(k.bytes(p, 30))]).toEqual([0x5a]);
    k.kmem_cache_free(cache, p);
    expect([...new Set(k.bytes(p, 29))]).toEqual([0x6b]);
    expect(k.read8(p + 29)).toBe(0xa5);
    expect([...new Set(k.bytes(k.kmem_cache_zalloc(cache, GFP_KERNEL), 30))]).toEqual([0]);
  });

  it('notices a byte between the end of an object and the next word', () => {
    const machine = debugMachine({});
    const { k } = machine;
    const cache = k.kmem_cache_create('odd', 30, 0, SLAB_RED_ZONE);
    const p = k.kmem_cache_alloc(cache, GFP_KERNEL);
    k.write8(p + 30, 0);
    const [report] = reportsOf(machine, () => {
      k.kmem_cache_free(cache, p);
    });
    expect(report).toContain('\nbyte 30 was written to, of an object of 30 bytes\n');
  });

  it('has red zones of 32 bits on x86', () => {
    const space = addressSpace('x86');
    const zoneLimits = { dma: space.dmaLimit, dma32: space.dma32Limit, lowmem: space.lowmemLimit };
    const machine = debugMachine({}, { arch: 'x86', zoneLimits });
    const { k } = machine;
    const cache = k.kmem_cache_create('narrow', 64, 0, ALL);
    const maker = () => k.kmem_cache_alloc(cache, GFP_KERNEL);
    const p = maker();
    expect([k.read32(p - 4), k.read32(p + 64)]).toEqual([0x170fc2a5, 0x170fc2a5]);
    k.write8(p - 1, 0);
    const [report] = reportsOf(machine, () => {
      k.kmem_cache_free(cache, p);
    });
    expect(report).toContain(`${shown(k, p)}: redzone 1:0xfc2a5, redzone 2:0x170fc2a5\n`);
    expect(report).toMatch(trace('allocated at', 'maker'));
    expect([k.read32(p - 4), k.read32(p + 64)]).toEqual([0x5a2cf071, 0x5a2cf071]);
    expect(bugOf(() => k.kmem_cache_free(cache, p))).toMatch(trace('allocated at', 'maker'));
  });

  it('constructs at each allocation and destroys at each free, with poison', () => {
    const machine = debugMachine({});
    const { k } = machine;
    const calls: [string, number, number][] = [];
    const noted = (name: string) =>
      register(machine, name, (_k, object, _cache, flags = -1) => {
        calls.push([name, object, flags]);
        if (name === 'ctor') k.memset(object, 7, 40);
      });
    const cache = k.kmem_cache_create(
      'built',
      40,
      0,
      SLAB_POISON | SLAB_RED_ZONE,
      noted('ctor'),
      noted('dtor'),
    );
    const p = k.kmem_cache_alloc(cache, GFP_KERNEL);
    expect([...new Set(k.bytes(p, 40))]).toEqual([7]);
    k.kmem_cache_free(cache, p);
    expect(k.kmem_cache_alloc(cache, GFP_ATOMIC)).toBe(p);
    k.kmem_cache_free(cache, p);
    expect(calls).toEqual([
      ['ctor', p, SLAB_CTOR_CONSTRUCTOR],
      ['dtor', p, 0],
      ['ctor', p, SLAB_CTOR_CONSTRUCTOR | SLAB_CTOR_ATOMIC],
      ['dtor', p, 0],
    ]);
    expect(k.kmem_cache_destroy(cache)).toBe(0);
    expect(calls).toHaveLength(4);
  });

  it('reports a constructor that writes too far', () => {
    const machine = debugMachine({});
    const { k } = machine;
    const ctor = register(machine, 'ctor', (_k, object) => {
      k.memset(object - 1, 0, 42);
    });
    const cache = k.kmem_cache_create('far', 40, 0, SLAB_RED_ZONE, ctor);
    const reports = reportsOf(machine, () => k.kmem_cache_alloc(cache, GFP_KERNEL));
    expect(reports[0]).toContain(
      "slab error in cache_init_objs(): cache `far': constructor overwrote the end of an object\n",
    );
    expect(reports[1]).toContain(": cache `far': constructor overwrote the start of an object\n");
    expect(reports).toHaveLength(2 * k.i32[cache + KMEM_CACHE.at.num]);
  });

  it('has the constructor look at what is freed, with SLAB_DEBUG_INITIAL', () => {
    const machine = debugMachine({});
    const { k } = machine;
    const seen: [number, number][] = [];
    const ctor = register(machine, 'ctor', (_k, object, _cache, flags = 0) => {
      if ((flags & SLAB_CTOR_VERIFY) !== 0) seen.push([flags, k.read32(object)]);
      else k.write32(object, 1);
    });
    const cache = k.kmem_cache_create('verified', 40, 0, SLAB_DEBUG_INITIAL, ctor);
    const p = k.kmem_cache_alloc(cache, GFP_KERNEL);
    k.write32(p, 2);
    k.kmem_cache_free(cache, p);
    expect(seen).toEqual([[SLAB_CTOR_CONSTRUCTOR | SLAB_CTOR_VERIFY, 2]]);
  });

  it('notices a broken chain of free objects, with SLAB_DEBUG_FREE', () => {
    const { k } = debugMachine({});
    const cache = k.kmem_cache_create('chained', 1000, 0, SLAB_DEBUG_FREE);
    const p = k.kmem_cache_alloc(cache, GFP_KERNEL);
    k.kmem_cache_free(cache, p);
    expect(k.kmem_cache_shrink(cache)).toBe(0);
    const q = k.kmem_cache_alloc(cache, GFP_KERNEL);
    k.kmem_cache_free(cache, q);
    const slab = slotSlab(k, addressSlot(k, q));
    // All objects are in the array now; the last one to come back makes the chain go round.
    k.i32[slab + SLAB.at.free] = 0;
    k.i32[slab_bufctl(k, slab)] = 0;
    expect(bugOf(() => k.kmem_cache_shrink(cache))).toContain(
      "slab: Internal list corruption detected in cache 'chained'",
    );
  });

  it('remembers users without debug.slab, and lists them', () => {
    const { k } = slabMachine();
    const cache = k.kmem_cache_create('owned', 64, 0, SLAB_STORE_USER);
    const one = () => k.kmem_cache_alloc(cache, GFP_KERNEL);
    const two = () => k.kmem_cache_alloc_node(cache, GFP_KERNEL, 1);
    const objects = [one(), two(), two()];
    for (let i = 0; i < 2; i++) objects.push(one());
    const lines = k.cat('/proc/slab_allocators').trim().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^owned: [12] (one|two) \[slab-debug\.test\.ts:\d+\]$/);
    for (const object of objects) k.kmem_cache_free(cache, object);
    expect(k.cat('/proc/slab_allocators')).toBe('');
    expect(faults(k)).toEqual([]);
  });
});

describe('debug.slab', () => {
  it('keeps what the allocator has for itself apart from what users have', () => {
    const machine = debugMachine();
    const { k } = machine;
    expect(k.cat('/proc/slab_allocators')).toBe('');
    const cache = k.kmem_cache_create('mine', 5000, 0, 0);
    const address = (word: number) => slotAddress(k, wordSlot(k, word));
    expect(bugOf(() => k.kfree(address(cache)))).toContain(
      `slab: ${shown(k, address(cache))} of cache 'kmem_cache' belongs to the slab allocator itself\n`,
    );
    const array = address(k.i32[ownArrays(k, cache)]);
    expect(bugOf(() => k.kfree(array))).toMatch(/is (not the start of an|no) object of cache 'size-/);
    expect(bugOf(() => k.kfree(array + 8))).toMatch(
      /of cache 'size-\d+' belongs to the slab allocator itself\n/,
    );
    const objects = Array.from({ length: 9 }, () => k.kmem_cache_alloc(cache, GFP_KERNEL));
    for (const object of objects) k.kmem_cache_free(cache, object);
    expect(k.kmem_cache_destroy(cache)).toBe(0);
    logLeaks(k);
    expect(logOf(k)).not.toContain('leak');
  });

  it('logs at the end what nobody has freed, by cache and place', () => {
    const { k } = debugMachine();
    const forget = () => k.kmalloc(100, GFP_KERNEL);
    const lose = () => k.kzalloc(4000, GFP_KERNEL);
    for (let i = 0; i < 3; i++) forget();
    k.kfree(lose());
    lose();
    logLeaks(k);
    const log = logOf(k);
    const at = (name: string) => `allocated at:\n \\[<slab-debug\\.test\\.ts:\\d+>\\] ${name}\n`;
    expect(log).toMatch(new RegExp(`slab: leak of 3 objects of cache \`size-128', ${at('forget')}`));
    // An object of a page or more has no room for words about its user.
    expect(log).toMatch(/slab: leak of 1 object of cache `size-4096'\n/);
    expect(log).toMatch(/slab: 4 objects were never freed\n$/);
    expect(k.cat('/proc/slab_allocators')).toMatch(/^size-128: 3 forget \[slab-debug\.test\.ts:\d+\]\n$/);
  });

  it('says at the end what kmem_cache_destroy has not said, and each time what is out', () => {
    const machine = debugMachine();
    const { k } = machine;
    const cache = k.kmem_cache_create('leaky', 100, 0, 0);
    const take = (count: number) =>
      Array.from({ length: count }, () => k.kmem_cache_alloc(cache, GFP_KERNEL));
    const [first, second] = take(2);
    const destroy = () => reportsOf(machine, () => expect(k.kmem_cache_destroy(cache)).toBe(1));
    expect(destroy().join()).toContain("Can't free all objects");
    expect(logOf(k).match(/leak of 2 objects of cache `leaky'/g)).toHaveLength(1);
    let told = logOf(k).length;
    logLeaks(k);
    expect(logOf(k).slice(told)).toBe('');
    destroy();
    expect(logOf(k).match(/leak of 2 objects of cache `leaky'/g)).toHaveLength(2);
    // Told objects are as good as others.
    expect(k.cat('/proc/slab_allocators')).toMatch(/^leaky: 2 /);
    expect(bugOf(() => k.kmem_cache_free(cache, first + 8))).toMatch(
      /not the start of an object[^]*\nallocated at/,
    );
    k.kmem_cache_free(cache, first);
    expect(bugOf(() => k.kmem_cache_free(cache, first))).toContain('double free detected');
    take(3);
    told = logOf(k).length;
    logLeaks(k);
    expect(logOf(k).slice(told)).toMatch(
      /^slab: leak of 3 objects of cache `leaky'[^]*\nslab: 3 objects were never freed\n$/,
    );
    k.kmem_cache_free(cache, second);
    expect(faults(k)).toEqual([]);
  });

  it('gives sizes as without it', () => {
    const machine = debugMachine();
    const { k } = machine;
    const p = k.kmalloc(100, GFP_KERNEL);
    expect(k.ksize(p)).toBe(128);
    // Who has asked may use all of it.
    k.memset(p, 1, 128);
    expect(k.krealloc(p, 128, GFP_KERNEL)).toBe(p);
    const moved = k.krealloc(p, 300, GFP_KERNEL);
    expect([...new Set(k.bytes(moved, 128))]).toEqual([1]);
    expect(k.ksize(moved)).toBe(512);
    k.kfree(moved);
    const huge = k.kmalloc(131072, GFP_KERNEL);
    expect(k.ksize(huge)).toBe(131072);
    k.kfree(huge);
    k.kfree(0);
    expect(machine.platform.reports).toEqual([]);
  });

  it('warns of a blank in the name of a cache, which would break files', () => {
    const machine = debugMachine();
    const create = () => machine.k.kmem_cache_create('my cache', 40, 0, 0);
    const [report] = reportsOf(machine, () => expect(create()).not.toBe(0));
    expect(report).toContain("kmem_cache_create: there is a blank in the name 'my cache'\n");
  });

  it('refuses to tell or change the size of what was freed', () => {
    const { k } = debugMachine();
    const p = k.kmalloc(100, GFP_KERNEL);
    k.kfree(p);
    const problem = `slab: ${shown(k, p)} of cache 'size-128' is not allocated\nallocated at:\n`;
    expect(bugOf(() => k.ksize(p))).toContain(problem);
    expect(bugOf(() => k.krealloc(p, 10, GFP_KERNEL))).toContain(problem);
  });

  it('has nothing to say of who does everything right', () => {
    const machine = debugMachine({ slab: true, pageOwner: true });
    const { k, cpus } = machine;
    const caches = [24, 100, 700, 3000].map((size) => k.kmem_cache_create(`right-${size}`, size, 0, 0));
    const live: { free: (as: typeof k) => void }[] = [];
    let seed = 1;
    const below = (n: number) => (seed = Math.imul(seed, 48271) & 0x7fffffff) % n;
    for (let i = 0; i < 1000; i++) {
      const as = cpus[below(4)];
      if (live.length > 0 && below(100) < 48) {
        live.splice(below(live.length), 1)[0].free(as);
        continue;
      }
      const cache = caches[below(8)] ?? 0;
      const bytes = cache === 0 ? 1 + below(2000) : k.kmem_cache_size(cache);
      const p = cache === 0 ? as.kmalloc(bytes, GFP_ATOMIC) : as.kmem_cache_alloc(cache, GFP_ATOMIC);
      k.memset(p, i, bytes);
      live.push({
        free: (by) => {
          expect(k.read8(p + bytes - 1)).toBe(i & 255);
          if (cache === 0) by.kfree(p);
          else by.kmem_cache_free(cache, p);
        },
      });
    }
    for (const { free } of live) free(cpus[below(4)]);
    expect(faults(k)).toEqual([]);
    for (const cache of caches) expect(k.kmem_cache_destroy(cache)).toBe(0);
    expect(k.cat('/proc/slab_allocators')).toBe('');
    expect(machine.platform.reports).toEqual([]);
    expect(faults(k)).toEqual([]);
  });

  it.each([
    ['2.6.24', 'x86_64'],
    ['2.6.10', 'x86'],
  ] as const)('boots with the %s caches on %s', (slabProfile, arch) => {
    const { dmaLimit: dma, dma32Limit: dma32, lowmemLimit: lowmem } = addressSpace(arch);
    const zoneLimits = { dma, dma32, lowmem };
    const machine = debugMachine({ slab: true, faults: true }, { slabProfile, arch, zoneLimits });
    const { k } = machine;
    for (let size = 1; size <= 131072; size *= 2) k.kfree(k.kmalloc(size, GFP_KERNEL));
    // Names, which are found by a double, survive that the allocator's own structures lie beside red zones.
    for (let i = 0; i < 3; i++) k.kmem_cache_create(`cache-${i}`, 40, 0, 0);
    const names = k.cat('/proc/slabinfo').matchAll(/^(\S+) +\d/gm);
    expect([...names].slice(0, 4).map(([, name]) => name)).toEqual([
      'cache-2',
      'cache-1',
      'cache-0',
      slabProfile === '2.6.24' ? 'size-4194304(DMA)' : 'size-131072(DMA)',
    ]);
    expect(faults(k)).toEqual([]);
    expect(machine.platform.reports).toEqual([]);
  });

  it('is off unless it is asked for', () => {
    const { k } = slabMachine(twoNodes());
    const p = k.kmalloc(64, GFP_KERNEL);
    expect(p % 64).toBe(0);
    k.kfree(p);
    expect(k.kmalloc(64, GFP_KERNEL)).toBe(p);
  });
});

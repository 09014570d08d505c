import { bytes, double, lineStart, struct, word } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { MAX_GENERAL_CACHES } from '../core/limits.js';
import { DEBUG_SLAB, KERNEL } from '../core/kernel-data.js';
import { LIST_HEAD } from '../core/list.js';
import { SPINLOCK } from '../sync/spinlock.js';

/**
 * The structures of the slab allocator (facts file, section 3.2): a cache, the arrays of objects that each CPU has of it,
 * the slabs that each node has of it. All lie in objects of other caches, the first ones in boot memory.
 *
 * An object is known inside by its slot: the physical address of its first byte divided by 4, 32 bits wide, so that it fits
 * a word of the image on every machine.
 */

/** A cache: the word index of its {@link KMEM_CACHE}. 0 is NULL. */
export type kmem_cache_t = number;

/** Bytes of a cache's name, the terminating NUL included. */
export const CACHE_NAME_BYTES = 64;

/**
 * `kmem_cache_t`. Behind it come the words of the CPUs, then those of the nodes: see {@link ARRAYS} and
 * {@link nodeListsOf}. What has no other comment is constant from the creation on.
 */
export const KMEM_CACHE = struct('kmem_cache', {
  /** SLAB_* bits, and CFLGS_OFF_SLAB. */
  flags: word,
  /** What a request for pages has besides the caller's mask. */
  gfpflags: word,
  /** A slab has 2^gfporder pages. */
  gfporder: word,
  /** Objects in a slab. */
  num: word,
  /** Bytes from one object to the next. */
  buffer_size: word,
  /** Bytes that the user asked for, and bytes before them in a slot. */
  obj_size: word,
  obj_offset: word,
  align: word,
  /** Different offsets at which slabs can begin, and the bytes between them. */
  colour: word,
  colour_off: word,
  /** Bytes of what describes a slab; where it lies off the slab: the cache that it comes from. */
  slab_size: word,
  slabp_cache: word,
  /** Symbol numbers, 0 for none. */
  ctor: word,
  dtor: word,
  /** Tunables. Written under cache_chain_mutex; files read them without, a deliberate race. */
  limit: word,
  batchcount: word,
  shared: word,
  /** Whether each object is looked at when it is allocated and freed. */
  looked_at: word,
  /** Links in the chain of caches. Under cache_chain_lock. */
  next: LIST_HEAD,
  /** Kernel address of the name, where the user gave one: its text may vanish. 0: `name` has it. A double. */
  name_pointer: double,
  name: bytes(CACHE_NAME_BYTES),
  end: lineStart,
});

/**
 * Word offset in a cache of the table of arrays that the short ways of allocation and free use, one for each CPU. It is the
 * table of {@link ownArrays} once more, or, where each object has to be looked at (debugging, failure injection), it leads to
 * an array that is empty and full at once, so that these ways go no further. The last entry, for the console, is always so.
 * Written with the cache, by the CPU itself in an interrupt, and at the end of the cache by who ends it, when nobody else has
 * it: then the last entry is 0.
 */
export const ARRAYS = KMEM_CACHE.words;

/** Word index of a cache's table of kmem_list3, one for each node. */
export function nodeListsOf(k: Cpu, cache: number): number {
  return cache + ARRAYS + k.i32[KERNEL.nr_cpus] + 1;
}

/** The kmem_list3 of a node. */
export function nodeList(k: Cpu, cache: number, node: number): number {
  return k.i32[nodeListsOf(k, cache) + node];
}

/** Word index of a cache's table of the array_cache of each CPU. Written as that of {@link ARRAYS}. */
export function ownArrays(k: Cpu, cache: number): number {
  return nodeListsOf(k, cache) + k.i32[KERNEL.nr_nodes];
}

/** Gives a CPU its array. With interrupts off on that CPU, or by who alone knows the cache. */
export function setArray(k: Cpu, cache: number, cpu: number, array: number): void {
  k.i32[ownArrays(k, cache) + cpu] = array;
  const shortcut = k.i32[cache + KMEM_CACHE.at.looked_at] === 0 ? array : KERNEL.no_array;
  k.i32[cache + ARRAYS + cpu] = shortcut;
  for (let i = 0; i < MAX_GENERAL_CACHES; i++) {
    if (k.i32[KERNEL.malloc_caches + i] !== cache) continue;
    k.i32[k.i32[KERNEL.cpu_area + cpu] + CPU_AREA.at.kmalloc_arrays + i] = shortcut;
  }
}

/**
 * What a cache counts on a machine with debug.slab, behind its tables: the columns of /proc/slabinfo, and what the high mark
 * comes from. Each word is an atomic_t of its own, so that nothing gets lost, whichever CPU counts in whichever context; it
 * wraps at 2^32. Objects that the allocator itself asks for are counted like others; what fails, is not. So
 * `allochit + allocmiss + nodeallocs` objects have been allocated, and `freehit + freemiss + remotefrees` freed.
 */
export const CACHE_STATISTICS = struct('cache_statistics', {
  /** Objects that slabs gave: a batch to the array of a CPU, or one that was wanted from a node. */
  listallocs: word,
  /** The most that `active` has been. */
  maxobjs: word,
  /** Slabs that were made, and how many of them the reaper freed. More go when a node has too many, and by kmem_cache_shrink. */
  grown: word,
  reaped: word,
  /** Requests for the pages of a slab that got none. Another node may have had some. */
  error: word,
  /** The most empty slabs that a node had when a CPU's full array had been flushed. */
  maxfreeable: word,
  /** Objects straight from the slabs of a node: another one than the CPU's, or its own, which had nothing at the first try. */
  nodeallocs: word,
  /** Objects that were freed on a CPU of another node, and how often the array for them was full. */
  remotefrees: word,
  alienoverflow: word,
  /** Objects that a CPU's array had, and such for which it had to be filled first. */
  allochit: word,
  allocmiss: word,
  /** Objects for which a CPU's array had room, and such for which it had to be flushed first. */
  freehit: word,
  freemiss: word,
  /** Objects that are out of their slabs, those in arrays included. */
  active: word,
});

/** Word index of a cache's {@link CACHE_STATISTICS}, on a machine with debug.slab. */
export function cacheStatistics(k: Cpu, cache: number): number {
  return ownArrays(k, cache) + k.i32[KERNEL.nr_cpus];
}

/** Words of a cache's descriptor on this machine. */
export function cacheWords(k: Cpu): number {
  return descriptorWords(k.i32[KERNEL.nr_cpus], k.i32[KERNEL.nr_nodes], k.debug);
}

/** {@link cacheWords} of a machine of so many CPUs and nodes, with `DEBUG_*` bits. */
export function descriptorWords(cpus: number, nodes: number, debug: number): number {
  return ARRAYS + 2 * cpus + 1 + nodes + ((debug & DEBUG_SLAB) === 0 ? 0 : CACHE_STATISTICS.words);
}

/**
 * `struct array_cache`: a stack of free objects. That of a CPU belongs to that CPU alone; one that is shared by the CPUs
 * of a node is under the node's list_lock; one for the objects of another node under `lock`. Files and the reaper read
 * `avail` without, a deliberate race: the reaper looks again under the lock.
 */
export const ARRAY_CACHE = struct('array_cache', {
  avail: word,
  limit: word,
  batchcount: word,
  /** Something was taken since the reaper has looked. */
  touched: word,
  lock: SPINLOCK,
});

/** Word offset in an array_cache of its first slot. */
export const ENTRY = ARRAY_CACHE.words;

/** `struct kmem_list3`: the slabs of a cache on a node. Changed under `list_lock`, interrupts off. */
export const KMEM_LIST3 = struct('kmem_list3', {
  list_lock: SPINLOCK,
  slabs_partial: LIST_HEAD,
  slabs_full: LIST_HEAD,
  slabs_free: LIST_HEAD,
  /** Objects in slabs that nobody has. Others look at it without the lock, to find a node worth a try: a deliberate race. */
  free_objects: word,
  /** With more free objects than this, slabs that become empty are freed. */
  free_limit: word,
  /** The next slab's offset, in units of colour_off. */
  colour_next: word,
  /** The reaper: when it looks again (looked at without the lock first, a deliberate race), and whether empty slabs were used since. */
  next_reap: word,
  free_touched: word,
  /** array_cache of all CPUs of the node, 0: none. Replaced under list_lock. */
  shared: word,
  /** Table of array_caches for objects of other nodes, one for each node; 0: none. Written once, before others know the cache. */
  alien: word,
});

/** `struct slab`; behind it comes a kmem_bufctl_t for each object. Under the list_lock of its node. */
export const SLAB = struct('slab', {
  list: LIST_HEAD,
  /** Bytes from the beginning of the pages to the first object, or to this if it lies in the slab. */
  colouroff: word,
  /** Slot of the first object. */
  s_mem: word,
  /** Objects that are out. */
  inuse: word,
  /** Number of the first free object; the bufctl of each free one says which is next. */
  free: word,
  nodeid: word,
});

/** End of a chain of free objects. */
export const BUFCTL_END = -1;
/**
 * The bufctl of an object that is out, with debugging: whether a user has it, or the allocator itself, or whether it was freed
 * and lies in an array. Of an object that came from its slab into an array and was not used since, it is what it was in the
 * chain. Changed by who has the object, by Atomics, so that only one can free it, and by `kmem_cache_destroy`, which tells of it
 * as a leak, by compareExchange; listings read it, a deliberate race.
 */
export const BUFCTL_FREE = -2;
export const BUFCTL_ACTIVE = -3;
export const BUFCTL_INTERNAL = -4;
/** As BUFCTL_ACTIVE, and `kmem_cache_destroy` has told that the object is out. */
export const BUFCTL_LEAKED = -5;

/** Whether a bufctl says that a user has the object. */
export function isUsers(bufctl: number): boolean {
  return bufctl === BUFCTL_ACTIVE || bufctl === BUFCTL_LEAKED;
}

/** Bytes of `struct slab` in C, on 32-bit and on 64-bit machines, and of a kmem_bufctl_t: what geometry counts with. */
export const SLAB_BYTES_32 = 28;
export const SLAB_BYTES_64 = 48;
export const BUFCTL_BYTES = 4;

/** Bytes of `struct slab` on this machine. */
export function slabBytes(k: Cpu): number {
  return k.space.bits === 64 ? SLAB_BYTES_64 : SLAB_BYTES_32;
}

/** Word index of a slab's table of bufctls. */
export function slab_bufctl(k: Cpu, slab: number): number {
  return slab + slabBytes(k) / 4;
}

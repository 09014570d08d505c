/** What an event does to memory. Several tracepoints do the same: kfree and kmem_cache_free, for example. */
export const EventKind = {
  /** Nothing that is replayed or added up: the event is only counted by its name. */
  other: 0,
  pageAlloc: 1,
  pageFree: 2,
  /** Repeats a page free that another event has already reported. */
  pageFreeRepeated: 3,
  /** An object of the general caches: kmalloc. */
  objectAlloc: 4,
  objectFree: 5,
  /** An object of a cache of its own: kmem_cache_alloc. What frees it is an objectFree too. */
  cacheAlloc: 6,
} as const;

/** One of the values of {@link EventKind}. */
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

/** Whether events of a kind are about objects. */
export function isObjectEvent(kind: EventKind): boolean {
  return kind >= EventKind.objectAlloc;
}

/**
 * The tracepoints that are understood. Before Linux 3.3 the two ways to free a page had tracepoints of their own,
 * and neither repeated the other.
 */
export const KNOWN_EVENTS: readonly (readonly [name: string, kind: EventKind])[] = [
  ['mm_page_alloc', EventKind.pageAlloc],
  ['mm_page_free', EventKind.pageFree],
  ['mm_page_free_direct', EventKind.pageFree],
  ['mm_pagevec_free', EventKind.pageFree],
  ['mm_page_free_batched', EventKind.pageFreeRepeated],
  ['kmalloc', EventKind.objectAlloc],
  ['kmalloc_node', EventKind.objectAlloc],
  ['kmem_cache_alloc', EventKind.cacheAlloc],
  ['kmem_cache_alloc_node', EventKind.cacheAlloc],
  ['kfree', EventKind.objectFree],
  ['kmem_cache_free', EventKind.objectFree],
];

/** The key of no page and no object: the allocation failed, or nothing was freed. */
export const NO_KEY = 0;

/** The cache or call site of an event that does not name it: older kernels do not tell the cache of an allocation. */
export const NO_TEXT = -1;

/** The node of an allocation that leaves the choice to the kernel. */
export const ANY_NODE = -1;

/**
 * One event of the trace. A reader has one such record and fills it again for every event; a field that the event
 * does not have keeps the value of an earlier event.
 */
export class KmemEvent {
  kind: EventKind = EventKind.other;
  /** The CPU on which it happened. */
  cpu = 0;
  /**
   * Which page or object: the page frame number, or the low 52 bits of the object's address, which a double holds
   * exactly and in which no two kernel addresses are equal. {@link NO_KEY} if the allocation failed, or for
   * `kfree(NULL)`.
   */
  key = NO_KEY;
  /** log2 of the number of pages. */
  order = 0;
  /** The mask in gfp's own bits (see gfp-names.ts). */
  gfp = 0;
  /** Size that was asked for (bytes). */
  bytesRequested = 0;
  /** Size that was given (bytes). */
  bytesAllocated = 0;
  /** For an allocation of a cache: the number of the cache's name (`FieldParser.caches`), or {@link NO_TEXT}. */
  cache = NO_TEXT;
  /** For an allocation of an object: the number of its call site (`FieldParser.sites`), or {@link NO_TEXT}. */
  site = NO_TEXT;
  /** For an allocation of an object: the node that it wants it from, or {@link ANY_NODE}. */
  node = ANY_NODE;
}

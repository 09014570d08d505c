import type { Cpu } from '../core/cpu.js';
import { virt_addr_valid, virt_to_page } from '../mm/address.js';
import { page_count } from '../mm/page.js';
import { imageOffset } from '../mm/access.js';
import { CACHE_NAME_BYTES, KMEM_CACHE } from './kmem-cache.js';

const { name: NAME, name_pointer: POINTER } = KMEM_CACHE.at;

/**
 * The name of a cache (kmem_cache_name). Any context.
 *
 * @returns undefined when the cache has only a pointer to its name, and the memory there is nobody's any more
 */
export function cacheName(k: Cpu, cache: number): string | undefined {
  const pointer = k.f64[(cache + POINTER) >>> 1];
  if (pointer === 0) return k.image.readText((cache + NAME) * 4, CACHE_NAME_BYTES);
  if (!virt_addr_valid(k, pointer) || page_count(k, virt_to_page(k, pointer)) === 0) return undefined;
  return k.image.readText(imageOffset(k, pointer, 1), CACHE_NAME_BYTES);
}

/** The name of a cache, for messages. */
export function kmem_cache_name(k: Cpu, cache: number): string {
  return cacheName(k, cache) ?? '<lost>';
}

/** Gives a cache its name: a text, which is copied, or the address of one, which is kept as it is in Linux. */
export function nameCache(k: Cpu, cache: number, name: string | number): void {
  k.f64[(cache + POINTER) >>> 1] = typeof name === 'number' ? name : 0;
  k.image.writeText((cache + NAME) * 4, CACHE_NAME_BYTES, typeof name === 'number' ? '' : name);
}

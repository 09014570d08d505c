import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { list_add, list_del } from '../core/list.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { KMEM_CACHE } from './kmem-cache.js';

/**
 * The chain of all caches, the newest first. Who adds, takes out, shrinks or tunes a cache has cache_chain_mutex, and may sleep
 * with it. The links themselves are under cache_chain_lock, a spinlock: so the reaper, which is no task here, and the console,
 * which never is one, can walk the chain.
 */

const NEXT = KMEM_CACHE.at.next;
const CHAIN = KERNEL.cache_chain;

/** Adds a cache. */
export function chainCache(k: Cpu, cache: number): void {
  const flags = spin_lock_irqsave(k, KERNEL.cache_chain_lock);
  list_add(k.i32, cache + NEXT, CHAIN);
  spin_unlock_irqrestore(k, KERNEL.cache_chain_lock, flags);
}

/** Takes a cache out: when this returns, nobody walks over it any more. */
export function unchainCache(k: Cpu, cache: number): void {
  const flags = spin_lock_irqsave(k, KERNEL.cache_chain_lock);
  list_del(k.i32, cache + NEXT);
  spin_unlock_irqrestore(k, KERNEL.cache_chain_lock, flags);
}

/** The first cache of the chain, 0 if there is none. Under cache_chain_lock or cache_chain_mutex. */
export function firstCache(k: Cpu): number {
  return cacheAt(k.i32[CHAIN]);
}

/** The cache behind another one, 0 behind the last. As {@link firstCache}. */
export function nextCache(k: Cpu, cache: number): number {
  return cacheAt(k.i32[cache + NEXT]);
}

function cacheAt(link: number): number {
  // Before the allocator is made, the chain is all zero.
  return link === CHAIN || link === 0 ? 0 : link - NEXT;
}

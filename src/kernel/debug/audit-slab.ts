import { KERNEL } from '../core/kernel-data.js';
import type { AuditRun } from './audit-run.js';
import { auditMempools } from './audit-mempool.js';
import { auditSlabArrays } from './audit-slab-arrays.js';
import { auditCaches } from './audit-slab-caches.js';
import { SlabLook } from './audit-slab-look.js';
import { auditObjects } from './audit-slab-objects.js';
import { auditOwnStructures } from './audit-slab-own.js';
import { auditSlabPages, findSlabPages } from './audit-slab-pages.js';
import { auditSlabs } from './audit-slab-slabs.js';
import { checkLock } from './audit-zone-state.js';

/**
 * Checks the slab allocator: the chain of caches and what follows from what each was asked for; that every slab is in the
 * list where it belongs, and has its pages and its free objects; that every object is in one place; what is counted; memory
 * pools; and what debugging has noted of objects.
 */
export function auditSlab(run: AuditRun): void {
  const { i32 } = run.k;
  checkLock(run, 'cache_chain_lock', KERNEL.cache_chain_lock);
  // A kernel that was booted up to the page allocator.
  if (i32[KERNEL.cache_cache] === 0 && i32[KERNEL.cache_chain] === 0) return;
  const look = new SlabLook(run);
  findSlabPages(look);
  auditCaches(look);
  for (const cache of look.caches) auditSlabs(look, cache);
  for (const cache of look.caches) auditSlabArrays(look, cache);
  auditOwnStructures(look);
  auditMempools(look);
  for (const slab of look.slabs) auditObjects(look, slab);
  auditSlabPages(look);
  run.caches = look.caches.length;
  run.slabs = look.slabs.length;
}

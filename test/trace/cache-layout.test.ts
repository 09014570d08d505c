import { describe, expect, it } from 'vitest';

import { SLAB_HWCACHE_ALIGN } from '../../src/kernel/slab/slab-flags.js';
import { cacheLayout } from '../../src/trace/cache-layout.js';

describe('the layout of a cache, guessed from what its events tell', () => {
  // Caches of Linux 6.18; sizes from its trace.
  it.each([
    ['dentry', 192, 192],
    ['names_cache', 4096, 4096],
    ['lsm_file_cache', 24, 24],
  ])('%s has objects as large as was asked for', (_, requested, allocated) => {
    expect(cacheLayout(requested, allocated)).toEqual({ size: requested, align: 0, flags: 0 });
  });

  it.each([
    ['skbuff_head_cache', 224, 256],
    ['task_struct', 5840, 5888],
    ['filp', 184, 192],
    // With the pointer that chains free objects behind the object.
    ['TCP', 2304, 2368],
    ['sock_inode_cache', 768, 832],
    ['sighand_cache', 2080, 2112],
    // Aligned to half a line, since two fit into one.
    ['a small one', 24, 32],
  ])('%s is aligned to cache lines', (_, requested, allocated) => {
    expect(cacheLayout(requested, allocated)).toEqual({
      size: requested,
      align: 0,
      flags: SLAB_HWCACHE_ALIGN,
    });
  });

  it.each([
    ['anon_vma', 96, 104],
    ['ext4_inode_cache', 1120, 1128],
    ['inode_cache', 616, 624],
  ])('%s has just the pointer that chains free objects', (_, requested, allocated) => {
    expect(cacheLayout(requested, allocated)).toEqual({ size: requested, align: 0, flags: 0 });
  });

  it('can have an alignment of its own', () => {
    expect(cacheLayout(300, 512)).toEqual({ size: 300, align: 256, flags: 0 });
    expect(cacheLayout(2000, 4096)).toEqual({ size: 2000, align: 4096, flags: 0 });
  });

  it('is not made larger by what debugging adds in the traced kernel', () => {
    expect(cacheLayout(192, 456)).toEqual({ size: 192, align: 0, flags: 0 });
  });

  it('has at least a word', () => {
    expect(cacheLayout(1, 8)).toEqual({ size: 8, align: 0, flags: 0 });
    expect(cacheLayout(0, 0)).toEqual({ size: 8, align: 0, flags: 0 });
  });
});

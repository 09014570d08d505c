import { expect, test } from 'vitest';
import { CPU_AREA } from '../../../src/kernel/core/cpu-area.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { int } from '../../../src/kernel/mm/percpu-types.js';
import { bootInProcess } from '../../support/boot-in-process.js';
import { sentences } from './audit-kinds.js';

const firstChunk = (k: Kernel, cpu: number): number => k.per_cpu(CPU_AREA.at.percpu_chunks, cpu);

test.each<[string, (k: Kernel) => void, string]>([
  ['blocks that do not cover the static area', (k) => k.i32[KERNEL.percpu_blocks + 1]++, 'percpu_blocks'],
  [
    'blocks that do not cover a chunk',
    (k) => k.i32[k.i32[KERNEL.percpu_chunk_blocks] + 2]--,
    'percpu_chunk_blocks[0]',
  ],
  ['a chunk without a copy', (k) => (k.i32[firstChunk(k, 2)] = 0), 'cpu_area[2].percpu_chunks[0]'],
  ['a copy without a chunk', (k) => (k.i32[firstChunk(k, 1) + 5] = 4096), 'cpu_area[1].percpu_chunks[5]'],
  ['a lock that is held', (k) => (k.i32[KERNEL.percpu_lock] = 2), 'percpu_lock'],
])('the audit finds %s', (_, damage, where) => {
  const { k } = bootInProcess();
  k.alloc_percpu(int);
  expect(sentences(k)).toEqual([]);
  damage(k);
  expect(sentences(k)).toHaveLength(1);
  expect(sentences(k)[0]).toContain(where);
});

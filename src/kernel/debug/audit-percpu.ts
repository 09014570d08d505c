import { CPU_AREA } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_PERCPU_CHUNKS } from '../core/limits.js';
import { PERCPU_BLOCKS_ROOM, PERCPU_WORDS } from '../mm/percpu.js';
import { PERCPU_CHUNK_ROOM, PERCPU_CHUNK_WORDS } from '../mm/percpu-alloc.js';
import { blocksValid } from '../mm/percpu-blocks.js';
import { isStructure } from './audit-nodes.js';
import type { AuditRun } from './audit-run.js';
import { checkLock } from './audit-zone-state.js';

/** Checks that per-CPU memory is divided into blocks that cover it, and that a chunk is one for all CPUs or for none. */
export function auditPercpu(run: AuditRun): void {
  checkLock(run, 'percpu_lock', KERNEL.percpu_lock);
  checkLock(run, 'percpu_counters_lock', KERNEL.percpu_counters_lock);
  checkBlocks(run, 'percpu_blocks', KERNEL.percpu_blocks, PERCPU_BLOCKS_ROOM, PERCPU_WORDS);
  for (let chunk = 0; chunk < MAX_PERCPU_CHUNKS; chunk++) auditChunk(run, chunk);
}

function auditChunk(run: AuditRun, chunk: number): void {
  const field = `percpu_chunk_blocks[${chunk}]`;
  const blocks = run.k.i32[KERNEL.percpu_chunk_blocks + chunk];
  const exists = blocks !== 0;
  if (exists && isStructure(run, field, KERNEL.percpu_chunk_blocks + chunk, PERCPU_CHUNK_ROOM)) {
    checkBlocks(run, field, blocks, PERCPU_CHUNK_ROOM, PERCPU_CHUNK_WORDS);
  }
  for (let cpu = 0; cpu < run.cpus; cpu++) {
    if (run.areas[cpu] === 0) continue;
    const word = run.areas[cpu] + CPU_AREA.at.percpu_chunks + chunk;
    const copy = `cpu_area[${cpu}].percpu_chunks[${chunk}]`;
    if (exists) isStructure(run, copy, word, PERCPU_CHUNK_WORDS);
    else if (run.k.i32[word] !== 0) {
      run.report({ kind: 'structure', field: copy, value: run.k.i32[word], problem: 'is of no chunk' });
    }
  }
}

function checkBlocks(run: AuditRun, field: string, blocks: number, room: number, words: number): void {
  if (blocksValid(run.k.i32, blocks, room, words)) return;
  const value = run.k.i32[blocks];
  run.report({ kind: 'structure', field, value, problem: 'does not divide its memory into blocks' });
}

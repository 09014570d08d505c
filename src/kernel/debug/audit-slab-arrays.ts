import { CPU_AREA, CPU_DEAD, CPU_ONLINE } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_GENERAL_CACHES } from '../core/limits.js';
import { ARRAY_CACHE, ARRAYS, ENTRY, KMEM_CACHE, KMEM_LIST3 } from '../slab/kmem-cache.js';
import { type AuditCache, IN_ARRAY, type SlabLook } from './audit-slab-look.js';
import { checkLock } from './audit-zone-state.js';

const { avail: AVAIL, limit: LIMIT, batchcount: BATCH, lock: LOCK } = ARRAY_CACHE.at;

/** Checks the arrays of free objects of a cache: of the CPUs, of the nodes, and for other nodes. After all slabs are known. */
export function auditSlabArrays(look: SlabLook, cache: AuditCache): void {
  for (let cpu = 0; cpu < look.run.cpus; cpu++) auditCpuArray(look, cache, cpu);
  for (let node = 0; node < look.nodes; node++) {
    const list = look.run.k.i32[look.listPointer(cache.word, node)];
    if (!look.isMemory(list, KMEM_LIST3.words)) continue;
    const field = `cache ${cache.name}, node ${node}`;
    const shared = look.run.k.i32[list + KMEM_LIST3.at.shared];
    if (shared !== 0) auditArray(look, cache, `${field}, shared array`, shared, node);
    auditAliens(look, cache, field, list, node);
  }
}

function auditCpuArray(look: SlabLook, cache: AuditCache, cpu: number): void {
  const { i32 } = look.run.k;
  const field = `cache ${cache.name}, array of CPU ${cpu}`;
  const array = i32[look.arrayPointer(cache.word, cpu)];
  const shortcut = i32[cache.word + ARRAYS + cpu];
  const isLookedAt = i32[cache.word + KMEM_CACHE.at.looked_at] !== 0;
  if (shortcut !== KERNEL.no_array && (isLookedAt || shortcut !== array))
    look.reportStructure(`${field}, shortcut`, shortcut, 'is not that array');
  checkKmallocArrays(look, cache, cpu, shortcut);
  const node = i32[KERNEL.cpu_node + cpu];
  const count = auditArray(look, cache, field, array, node);
  const state = look.run.areas[cpu] === 0 ? CPU_ONLINE : i32[look.run.areas[cpu] + CPU_AREA.at.state];
  if (count <= 0 || state === CPU_ONLINE) return;
  const absent = state === CPU_DEAD ? 'dead' : 'offline';
  look.run.report({ kind: 'offline-array', cache: cache.name, cpu, state: absent, count });
}

/** What the short way of kmalloc finds the array by. */
function checkKmallocArrays(look: SlabLook, cache: AuditCache, cpu: number, shortcut: number): void {
  const { i32 } = look.run.k;
  const area = look.run.areas[cpu];
  for (let i = 0; area !== 0 && i < MAX_GENERAL_CACHES; i++) {
    if (i32[KERNEL.malloc_caches + i] !== cache.word) continue;
    const value = i32[area + CPU_AREA.at.kmalloc_arrays + i];
    if (value !== shortcut)
      look.reportStructure(`cpu ${cpu}, kmalloc_arrays[${i}]`, value, 'is not the array of that cache');
  }
}

function auditAliens(look: SlabLook, cache: AuditCache, field: string, list: number, node: number): void {
  const { i32 } = look.run.k;
  const table = i32[list + KMEM_LIST3.at.alien];
  if (table === 0 && look.nodes === 1) return;
  if (!look.isMemory(table, look.nodes)) {
    look.reportStructure(`${field}, alien`, table);
    return;
  }
  look.own.push({ word: table, words: look.nodes, what: `${field}, alien` });
  for (let other = 0; other < look.nodes; other++) {
    const array = i32[table + other];
    const what = `${field}, alien[${other}]`;
    if (other !== node) auditArray(look, cache, what, array, other);
    else if (array !== 0) look.reportStructure(what, array, 'is an array for its own node');
  }
}

/**
 * Checks an array.
 *
 * @param node where its objects lie
 * @returns how many it has; -1 when that cannot be told
 */
function auditArray(look: SlabLook, cache: AuditCache, array: string, word: number, node: number): number {
  const { i32 } = look.run.k;
  if (!look.isMemory(word, ENTRY)) {
    look.reportStructure(array, word);
    return -1;
  }
  checkLock(look.run, `${array}, lock`, word + LOCK);
  const limit = i32[word + LIMIT];
  const batchcount = i32[word + BATCH];
  const avail = i32[word + AVAIL];
  const wrong = (field: 'limit' | 'batchcount' | 'avail', value: number, most: number): number => {
    look.run.report({ kind: 'array-field', array, field, value, most });
    return -1;
  };
  if (!(limit >= 1 && look.isMemory(word, ENTRY + limit))) {
    look.own.push({ word, words: ENTRY, what: array });
    return wrong('limit', limit, Infinity);
  }
  look.own.push({ word, words: ENTRY + limit, what: array });
  if (!(batchcount >= 1 && batchcount <= limit)) wrong('batchcount', batchcount, limit);
  if (!(avail >= 0 && avail <= limit)) return wrong('avail', avail, limit);
  if (cache.isClear)
    for (let i = 0; i < avail; i++) auditEntry(look, cache, array, i, i32[word + ENTRY + i], node);
  return avail;
}

function auditEntry(
  look: SlabLook,
  cache: AuditCache,
  array: string,
  entry: number,
  value: number,
  node: number,
): void {
  const object = look.objectAt(value >>> 0);
  if (object === 'unclear') return;
  const physical = (value >>> 0) * 4;
  if (object === 'no object') {
    look.run.report({ kind: 'array-entry', array, entry, physical, problem: 'is no object' });
  } else if (object.slab.cache !== cache) {
    look.run.report({ kind: 'array-entry', array, entry, physical, problem: 'is of another cache' });
  } else if (object.slab.node !== node) {
    look.run.report({ kind: 'array-entry', array, entry, physical, problem: 'is of another node' });
  } else look.mark(object, IN_ARRAY);
}

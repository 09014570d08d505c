import {
  BUFCTL_END,
  KMEM_LIST3,
  SLAB,
  SLAB_BYTES_32,
  SLAB_BYTES_64,
  KMEM_CACHE,
} from '../slab/kmem-cache.js';
import { walkLinks } from './audit-links.js';
import { type AuditCache, type AuditSlab, ON_CHAIN, type SlabLook } from './audit-slab-look.js';
import { claimPages, slabStart } from './audit-slab-pages.js';
import type { SlabListName } from './audit-violation-slab.js';
import { checkLock } from './audit-zone-state.js';

const LIST = KMEM_LIST3.at;
const AT = SLAB.at;
const HEADS: readonly { readonly name: SlabListName; readonly at: number }[] = [
  { name: 'partial', at: LIST.slabs_partial },
  { name: 'full', at: LIST.slabs_full },
  { name: 'free', at: LIST.slabs_free },
];

/** Checks a cache's slabs on all nodes. */
export function auditSlabs(look: SlabLook, cache: AuditCache): void {
  for (let node = 0; node < look.nodes; node++) {
    const field = `cache ${cache.name}, node ${node}`;
    const list = look.run.k.i32[look.listPointer(cache.word, node)];
    if (!look.isMemory(list, KMEM_LIST3.words)) {
      look.reportStructure(`${field}, lists`, list);
      look.complete = false;
      continue;
    }
    look.own.push({ word: list, words: KMEM_LIST3.words, what: `${field}, lists` });
    checkLock(look.run, `${field}, list_lock`, list + LIST.list_lock);
    if (cache.isClear) auditNode(look, cache, node, list);
    else look.complete = false;
  }
}

function auditNode(look: SlabLook, cache: AuditCache, node: number, list: number): void {
  const { i32 } = look.run.k;
  let free = 0;
  let isExact = true;
  for (let i = 0; i < HEADS.length; i++) {
    const { name, at } = HEADS[i];
    const walked = walkLinks(look.run, list + at, 0, SLAB.words);
    for (const { entry, link, value } of walked.broken) {
      const slab = entry === list + at ? 0 : entry;
      look.run.report({ kind: 'slab-list', cache: cache.name, node, list: name, slab, link, value });
    }
    if (!walked.complete) {
      isExact = false;
      look.complete = false;
    }
    for (const slab of walked.entries) {
      const objects = auditOne(look, cache, node, name, slab);
      if (objects < 0) isExact = false;
      else free += objects;
    }
  }
  const stored = i32[list + LIST.free_objects];
  if (isExact && stored !== free)
    look.run.report({ kind: 'free-objects', cache: cache.name, node, stored, counted: free });
  const colour = i32[list + LIST.colour_next];
  const colours = i32[cache.word + KMEM_CACHE.at.colour];
  if (!(colour >= 0 && colour < Math.max(1, colours))) {
    const field = `cache ${cache.name}, node ${node}, colour_next`;
    look.run.report({ kind: 'cache-field', field, stored: colour, expected: 0 });
  }
}

/** Checks a slab; how many free objects it has, -1 when that cannot be told. */
function auditOne(look: SlabLook, cache: AuditCache, node: number, list: SlabListName, word: number): number {
  const { i32 } = look.run.k;
  const here = { cache: cache.name, node, slab: word };
  const start = slabStart(look, cache, word);
  if (start < 0) {
    look.run.report({ kind: 'slab-field', ...here, field: 's_mem', value: i32[word + AT.s_mem] });
    look.unclear.add(word);
    return -1;
  }
  if (i32[word + AT.nodeid] !== node)
    look.run.report({ kind: 'slab-field', ...here, field: 'nodeid', value: i32[word + AT.nodeid] });
  if (cache.isOffSlab) look.own.push({ word, words: SLAB.words, what: `cache ${cache.name}, slab ${word}` });
  const first = i32[word + AT.s_mem] >>> 0;
  const slab = { word, cache, node, first, marks: look.room(cache.num) };
  look.slabs.push(slab);
  claimPages(look, slab, start);
  const free = followChain(look, slab);
  if (free < 0) {
    look.run.report({ kind: 'slab-chain', ...here, value: i32[word + AT.free] });
    return -1;
  }
  const inuse = i32[word + AT.inuse];
  if (inuse + free !== cache.num) {
    look.run.report({ kind: 'slab-inuse', ...here, stored: inuse, counted: cache.num - free });
    return -1;
  }
  const right = free === 0 ? 'full' : free === cache.num ? 'free' : 'partial';
  if (list !== right) look.run.report({ kind: 'slab-place', ...here, list, right });
  return free;
}

/** How many objects are on a slab's free chain; -1 when it leaves the slab, or comes to an object again. */
function followChain(look: SlabLook, slab: AuditSlab): number {
  const { i32, space } = look.run.k;
  const { num } = slab.cache;
  const bufctl = slab.word + (space.bits === 64 ? SLAB_BYTES_64 : SLAB_BYTES_32) / 4;
  const { marks } = look;
  let free = 0;
  let index = i32[slab.word + AT.free];
  while (index !== BUFCTL_END) {
    if (!(index >= 0 && index < num) || marks[slab.marks + index] !== 0) return -1;
    marks[slab.marks + index] = ON_CHAIN;
    free++;
    index = i32[bufctl + index];
  }
  return free;
}

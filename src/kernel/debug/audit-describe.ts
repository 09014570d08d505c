import {
  describeArrayEntry,
  describeArrayField,
  describeCacheChain,
  describeObjectDamaged,
  describeObjectTwice,
  describeSlab,
  describeSlabList,
  slabPageProblem,
} from './audit-describe-slab.js';
import type { MismatchKind, Violation, ViolationKind, ViolationOf } from './audit-violation.js';
import type { Place, ZoneRef } from './audit-violation-pages.js';
import type { TaskPlace, TaskRef } from './audit-violation-tasks.js';

/** A violation in words: one sentence, with the page's last owner behind it if that is known. */
export function describeViolation(violation: Violation): string {
  const describe = SENTENCES[violation.kind] as (v: Violation) => string;
  const sentence = describe(violation);
  return 'owner' in violation ? `${sentence}\n${violation.owner}` : sentence;
}

/** The sentence of each kind. */
const SENTENCES: { readonly [Kind in ViolationKind]: (v: ViolationOf<Kind>) => string } = {
  lost: (v) => `${at(v)} is lost: it has no reference and is in no list`,
  twice: (v) => `${at(v)} is in two places: ${place(v.first)} and ${place(v.second)}`,
  'list-broken': (v) =>
    `${zone(v)}, ${place(v.list)}: the ${v.link} link of ${v.frame === 0 ? 'the head' : `frame ${hex(v.frame)}`} ` +
    `is ${v.value}, which does not link back`,
  'free-block': (v) => `${at(v)} is ${place(v.list)}, but ${blockProblem(v.problem, v.value)}`,
  'free-state': (v) =>
    `${at(v)} is ${place(v.place)}, but its ${v.field} is ${v.field === 'flags' ? hex(v.value) : v.value}`,
  'stray-buddy': (v) => `${at(v)} has PG_buddy with order ${v.order}, but is ${place(v.place)}`,
  unmerged: (v) =>
    `${at(v)} and its buddy ${hex(v.buddy)} are both free with order ${v.order}, but not merged`,
  'nr-free': (v) =>
    `${zone(v)}: free_area[${v.order}].nr_free is ${v.stored}, but its lists have ${v.counted} blocks`,
  'free-pages': (v) => `${zone(v)}: nr_free_pages is ${v.stored}, but the free lists have ${v.counted} pages`,
  'stat-negative': (v) => `${zone(v)}: ${v.item} is ${v.value} after all CPUs are counted in`,
  'stat-diff': (v) =>
    `${zone(v)}: CPU ${v.cpu} holds back ${v.diff} of ${v.item}, with a threshold of ${v.threshold}`,
  'pcp-count': (v) =>
    `${zone(v)}: the ${v.list} list of CPU ${v.cpu} says it has ${v.stored} pages, but has ${v.counted}`,
  'pcp-limit': (v) =>
    `${zone(v)}: the ${v.list} list of CPU ${v.cpu} has ${v.count} pages; its limit is ${v.limit}`,
  'pcp-type': (v) => `${at(v)} is in the ${v.list} list of CPU ${v.cpu} with migrate type ${v.value}`,
  'offline-pageset': (v) => `${zone(v)}: CPU ${v.cpu} is ${v.state}, but its ${v.field} is ${v.value}`,
  'in-transit': (v) =>
    `CPU ${v.cpu} is quiet, but frame ${hex(v.frame)}, order ${v.order}, is on its way between a list and a caller`,
  'lock-held': (v) => `${v.lock} is ${v.cpu < 0 ? `not free (${hex(v.value)})` : `held by CPU ${v.cpu}`}`,
  'cpu-context': (v) => `CPU ${v.cpu} is quiet, but its ${v.field} is ${hex(v.value)}`,
  'cpu-state': (v) =>
    `CPU ${v.cpu} has state ${v.state}, but is ${v.inOnlineMap ? '' : 'not '}in cpu_online_map`,
  'call-pending': (v) => `all CPUs are quiet, but ${v.field} is ${hex(v.value)}`,
  compound: (v) => `${at(v)} ${compoundProblem(v.problem, v.head, v.value)}`,
  'page-zone': (v) => `${at(v)} has the flags of node ${v.bitsNode}, zone type ${v.bitsType}`,
  'reserved-free': (v) => `${at(v)} is reserved, but also ${place(v.place)}`,
  'hole-in-use': (v) => `${at(v)} is no RAM, but its flags ${hex(v.flags)} are not those of a hole`,
  'page-count': (v) => `${at(v)} has ${v.count} references`,
  'owner-record': (v) => `${at(v)} has a page-owner record with the impossible order ${v.value - 1}`,
  counter: (v) => `${v.field} is ${v.value ?? 'no number'}, which is no count of events`,
  'numa-sums': (v) =>
    `${v.misses} allocations missed their node, but ${v.foreign} are counted as foreign there`,
  'page-events': (v) =>
    `${v.freed} pages were freed and ${v.allocated} allocated since boot, so ${v.freed - v.allocated} ` +
    `should be free, but ${v.free} are`,
  watermark: (v) => `${zone(v)}: the watermarks are out of order: min ${v.min}, low ${v.low}, high ${v.high}`,
  'lowmem-reserve': (v) =>
    `${zone(v)}: lowmem_reserve for ${v.classzone} is ${v.stored}; by formula it is ${v.expected}`,
  pageblock: (v) => `${at(v)} begins a pageblock of the impossible migrate type ${v.value}`,
  zonelist: (v) =>
    `node ${v.node}, ${v.thisNode ? 'own ' : ''}zonelist for ${v.highest}, position ${v.position}: ` +
    `${v.zone === null ? v.value : zone(v.zone)}: ${v.problem}`,
  'zone-field': mismatch,
  'node-field': mismatch,
  'zone-table': mismatch,
  section: mismatch,
  total: mismatch,
  'zone-span': (v) =>
    `${zone(v)}: its ${v.spanned} frames from ${hex(v.start)} ` +
    (v.problem === 'outside' ? 'lie outside its node' : 'overlap those of the zone before it'),
  'zone-coverage': (v) => `node ${v.node} has ${v.ram} frames of RAM, but ${v.covered} are in zones`,
  'task-list': (v) => `${v.list} has the link ${v.value}, which leads to no task that links back`,
  'nr-running': (v) =>
    `CPU ${v.cpu} is stopped with nr_running ${v.stored}, but its run queue has ${v.counted} tasks`,
  'not-idle': (v) => `CPU ${v.cpu} is stopped, but its ${v.field} task is ${v.value}, not ${v.expected}`,
  'task-in-transit': (v) =>
    `CPU ${v.cpu} is stopped, but task ${v.value} is on its way from there to another one`,
  'task-field': (v) => `${task(v)}: its ${v.field} is ${v.value}, which cannot be`,
  'task-pid': (v) => `${task(v)} has the pid of ${task(v.other)}`,
  'task-lost': (v) => `${task(v)} is lost: ${where(v.onRq)} with state ${v.state}, but no CPU has it`,
  'task-twice': (v) => `${task(v)} is in two places: ${taskPlace(v.first)} and ${taskPlace(v.second)}`,
  'task-place': (v) => `${task(v)} is ${where(v.onRq)}, of CPU ${v.cpu}, but ${taskPlace(v.place)}`,
  'task-line': (v) => `${task(v)} waits in line for ${v.line}, but ${lineProblem(v.problem)}`,
  'task-forgotten': (v) => `${task(v)} sleeps, the first in line for ${v.line}, but ${v.problem}`,
  'cache-chain': describeCacheChain,
  'cache-field': mismatch,
  'slab-list': describeSlabList,
  'slab-field': describeSlab,
  'slab-chain': describeSlab,
  'slab-inuse': describeSlab,
  'slab-place': describeSlab,
  'slab-page': (v) => `${at(v)} ${slabPageProblem(v)}`,
  'slab-lost': (v) =>
    `${at(v)} is lost: it says that it is of slab ${v.slab} of cache ${v.cache}, but that is in no list`,
  'free-objects': (v) =>
    `cache ${v.cache}, node ${v.node}: free_objects is ${v.stored}, but its slabs have ${v.counted}`,
  'slab-pages': (v) => `${zone(v)}: ${v.item} is ${v.stored}, but slabs have ${v.counted} pages`,
  'array-field': describeArrayField,
  'array-entry': describeArrayEntry,
  'object-twice': describeObjectTwice,
  'object-damaged': describeObjectDamaged,
  'offline-array': (v) =>
    `CPU ${v.cpu} is ${v.state}, but its array of cache ${v.cache} has ${v.count} objects`,
  'mempool-chain': (v) =>
    `the chain of memory pools: the ${v.link} link of ${v.pool === 0 ? 'the head' : `pool ${v.pool}`} is ${v.value}, ` +
    'which does not link back',
  'mempool-field': (v) => `memory pool ${v.pool}: its ${v.field} is ${v.value}, which cannot be`,
  'mempool-element': (v) =>
    `memory pool ${v.pool}: element ${v.entry} of its reserve, ${v.value}, ${v.problem}`,
  structure: (v) => `${v.field} is ${v.value}: ${v.problem}`,
};

function mismatch(v: ViolationOf<MismatchKind>): string {
  return `${v.field} is ${v.stored}; it should be ${v.expected}`;
}

function task(v: TaskRef): string {
  return `task ${v.comm}:${v.pid} (slot ${v.slot})`;
}

/** What a task's `on_rq` says. */
function where(onRq: number): string {
  return ['asleep', 'on its way', 'in a run queue', 'running'][onRq] ?? `at the impossible place ${onRq}`;
}

function taskPlace(p: TaskPlace): string {
  return p.in === 'CPU' ? `running on CPU ${p.cpu}` : `in the ${p.in} of CPU ${p.cpu}`;
}

function lineProblem(problem: ViolationOf<'task-line'>['problem']): string {
  return problem === 'is no line' ? 'there can be no line' : `it ${problem}`;
}

function zone(v: ZoneRef): string {
  return `node ${v.node}, zone ${v.zone}`;
}

function at(v: ZoneRef & { readonly frame: number }): string {
  return `frame ${hex(v.frame)} (${zone(v)})`;
}

function place(p: Place): string {
  switch (p.in) {
    case 'free list':
      return `in the free list of order ${p.order}, type ${p.type}`;
    case 'page set':
      return `in the ${p.list} list of CPU ${p.cpu}`;
    case 'free block':
      return `inside a free block of order ${p.order}, type ${p.type}`;
    case 'use':
      return `in use with ${p.count} references`;
    case 'block':
      return `in the allocated block of order ${p.order} at frame ${hex(p.head)}`;
    case 'reserve':
      return 'reserved';
    case 'hole':
      return 'in a hole';
    case 'nothing':
      return 'in no list';
  }
}

function blockProblem(problem: ViolationOf<'free-block'>['problem'], value: number): string {
  switch (problem) {
    case 'not PG_buddy':
      return `has no PG_buddy (flags ${hex(value)})`;
    case 'order':
      return `has order ${value}`;
    case 'alignment':
      return 'is not aligned to its size';
    case 'span':
      return 'reaches beyond the zone';
    case 'type':
      return `is in a pageblock of type ${value}`;
  }
}

function compoundProblem(problem: ViolationOf<'compound'>['problem'], head: number, value: number): string {
  switch (problem) {
    case 'order':
      return `heads a compound page of the impossible order ${value}`;
    case 'tail':
      return `lies in the compound page at frame ${hex(head)}, but is no tail of it`;
    case 'head':
      return `is a tail of a compound page at frame ${hex(head)}, which is none or does not reach so far`;
  }
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

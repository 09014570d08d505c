/**
 * What the audit can find, as typed records: one kind for each rule. They hold plain values only, so they can be
 * sent, stored and compared; `describeViolation` says them in words.
 */

/** A zone, by its node and its name. */
export interface ZoneRef {
  readonly node: number;
  readonly zone: string;
}

/** A list of pages. */
export type ListPlace =
  | { readonly in: 'free list'; readonly order: number; readonly type: string }
  | { readonly in: 'page set'; readonly cpu: number; readonly list: 'hot' | 'cold' };

/** Where a frame is. */
export type Place =
  | ListPlace
  /** Behind the first page of a free block. */
  | { readonly in: 'free block'; readonly order: number; readonly type: string }
  | { readonly in: 'use'; readonly count: number }
  /** In the block that was handed out at `head`. */
  | { readonly in: 'block'; readonly head: number; readonly order: number }
  | { readonly in: 'reserve' }
  | { readonly in: 'hole' }
  | { readonly in: 'nothing' };

/** A frame of a zone. With debug.pageOwner, `owner` says who allocated it last. */
interface OnFrame extends ZoneRef {
  readonly frame: number;
  owner?: string;
}

interface OnList extends ZoneRef {
  readonly cpu: number;
  readonly list: 'hot' | 'cold';
}

/** No reference, in no list, in no block. */
interface Lost extends OnFrame {
  readonly kind: 'lost';
}

interface Twice extends OnFrame {
  readonly kind: 'twice';
  readonly first: Place;
  readonly second: Place;
}

/** A link of a list that its other end does not confirm. `frame` is 0 for a link of the head. */
interface ListBroken extends OnFrame {
  readonly kind: 'list-broken';
  readonly list: ListPlace;
  readonly link: 'next' | 'prev';
  readonly value: number;
}

/** A block in a free list that does not belong there. */
interface FreeBlock extends OnFrame {
  readonly kind: 'free-block';
  readonly list: ListPlace;
  readonly problem: 'not PG_buddy' | 'order' | 'alignment' | 'span' | 'type';
  readonly value: number;
}

/** A free page whose struct page is not that of a free page. */
interface FreeState extends OnFrame {
  readonly kind: 'free-state';
  readonly place: Place;
  readonly field: '_count' | '_mapcount' | 'mapping' | 'flags';
  readonly value: number;
}

/** PG_buddy in a page that heads no block of a free list. */
interface StrayBuddy extends OnFrame {
  readonly kind: 'stray-buddy';
  readonly place: Place;
  readonly order: number;
}

interface Unmerged extends OnFrame {
  readonly kind: 'unmerged';
  readonly buddy: number;
  readonly order: number;
}

interface NrFree extends ZoneRef {
  readonly kind: 'nr-free';
  readonly order: number;
  readonly stored: number;
  readonly counted: number;
}

/** NR_FREE_PAGES, with all that is not folded, against the pages in the free lists. */
interface FreePages extends ZoneRef {
  readonly kind: 'free-pages';
  readonly stored: number;
  readonly counted: number;
}

interface StatNegative extends ZoneRef {
  readonly kind: 'stat-negative';
  readonly item: string;
  readonly value: number;
}

interface StatDiff extends ZoneRef {
  readonly kind: 'stat-diff';
  readonly cpu: number;
  readonly item: string;
  readonly diff: number;
  readonly threshold: number;
}

interface PcpCount extends OnList {
  readonly kind: 'pcp-count';
  readonly stored: number;
  readonly counted: number;
}

interface PcpLimit extends OnList {
  readonly kind: 'pcp-limit';
  readonly count: number;
  /** Fewer pages than this are right. */
  readonly limit: number;
}

/** A page of a page set whose `private` is no migrate type. */
interface PcpType extends OnFrame {
  readonly kind: 'pcp-type';
  readonly cpu: number;
  readonly list: 'hot' | 'cold';
  readonly value: number;
}

/** An absent CPU that still has pages or statistics. */
interface OfflinePageset extends ZoneRef {
  readonly kind: 'offline-pageset';
  readonly cpu: number;
  readonly state: 'offline' | 'dead';
  readonly field: string;
  readonly value: number;
}

interface InTransit {
  readonly kind: 'in-transit';
  readonly cpu: number;
  readonly frame: number;
  readonly order: number;
}

/** `cpu` is -1 when the word of the lock names none. */
interface LockHeld {
  readonly kind: 'lock-held';
  readonly lock: string;
  readonly cpu: number;
  readonly value: number;
}

interface CpuContext {
  readonly kind: 'cpu-context';
  readonly cpu: number;
  readonly field: 'locks_held' | 'preempt_count' | 'irqs_disabled';
  readonly value: number;
}

interface CpuState {
  readonly kind: 'cpu-state';
  readonly cpu: number;
  readonly state: number;
  readonly inOnlineMap: boolean;
}

interface CallPending {
  readonly kind: 'call-pending';
  readonly field: 'call_awaited' | 'call_todo';
  readonly value: number;
}

/** `problem` is what is wrong: the order in the head, a tail of that head, or the head that a tail names. */
interface Compound extends OnFrame {
  readonly kind: 'compound';
  readonly problem: 'order' | 'tail' | 'head';
  readonly head: number;
  readonly value: number;
}

/** The node and zone bits of a page are not those of the zone it lies in. */
interface PageZone extends OnFrame {
  readonly kind: 'page-zone';
  readonly bitsNode: number;
  readonly bitsType: number;
}

interface ReservedFree extends OnFrame {
  readonly kind: 'reserved-free';
  readonly place: Place;
}

/** The struct page of a frame that is no RAM is not reserved. */
interface HoleInUse extends OnFrame {
  readonly kind: 'hole-in-use';
  readonly flags: number;
}

interface PageCount extends OnFrame {
  readonly kind: 'page-count';
  readonly count: number;
}

/** A page-owner record with an impossible order. */
interface OwnerRecord extends OnFrame {
  readonly kind: 'owner-record';
  readonly value: number;
}

/** An event counter that no counting leads to; `value` is null when it is no finite number. */
interface Counter {
  readonly kind: 'counter';
  readonly field: string;
  readonly value: number | null;
}

interface NumaSums {
  readonly kind: 'numa-sums';
  readonly misses: number;
  readonly foreign: number;
}

/** Frames freed less frames allocated are not the free ones. Reported when nothing else explains it. */
interface PageEvents {
  readonly kind: 'page-events';
  readonly freed: number;
  readonly allocated: number;
  readonly free: number;
}

interface Watermark extends ZoneRef {
  readonly kind: 'watermark';
  readonly min: number;
  readonly low: number;
  readonly high: number;
}

interface LowmemReserve extends ZoneRef {
  readonly kind: 'lowmem-reserve';
  readonly classzone: string;
  readonly stored: number;
  readonly expected: number;
}

/** The type of the pageblock that begins at `frame`. */
interface Pageblock extends OnFrame {
  readonly kind: 'pageblock';
  readonly value: number;
}

interface Zonelist {
  readonly kind: 'zonelist';
  readonly node: number;
  readonly highest: string;
  /** The list without fallback to other nodes. */
  readonly thisNode: boolean;
  readonly position: number;
  readonly problem: 'no zone' | 'does not belong' | 'repeated' | 'missing' | 'not terminated' | 'no list';
  /** The zone that is meant, if it is one; else what stands there. */
  readonly zone: ZoneRef | null;
  readonly value: number;
}

export type MismatchKind = 'zone-field' | 'node-field' | 'zone-table' | 'section' | 'total' | 'cache-field';

/** A table or a sum that repeats what stands elsewhere, and does not agree with it. */
interface Mismatch<Kind extends MismatchKind> {
  readonly kind: Kind;
  /** Where: `node 0, zone DMA, present_pages`. */
  readonly field: string;
  readonly stored: number;
  readonly expected: number;
}

interface ZoneSpan extends ZoneRef {
  readonly kind: 'zone-span';
  readonly start: number;
  readonly spanned: number;
  readonly problem: 'outside' | 'overlap';
}

/** RAM of a node that no zone has. */
interface ZoneCoverage {
  readonly kind: 'zone-coverage';
  readonly node: number;
  readonly ram: number;
  readonly covered: number;
}

/** Something that the audit itself needs to find its way cannot be right; what hangs on it was not looked at. */
interface Structure {
  readonly kind: 'structure';
  readonly field: string;
  readonly value: number;
  readonly problem: string;
}

/** A task, as far as its task_struct can be believed. */
export interface TaskRef {
  readonly slot: number;
  readonly pid: number;
  readonly comm: string;
}

/** Where a task is found that can run, or runs. */
export interface TaskPlace {
  readonly in: 'run queue' | 'incoming list' | 'CPU';
  readonly cpu: number;
}

/** A link of a list of tasks that leads to no task, or to one that does not link back. */
interface TaskList {
  readonly kind: 'task-list';
  /** Which: `the run queue of CPU 1`. */
  readonly list: string;
  readonly value: number;
}

interface NrRunning {
  readonly kind: 'nr-running';
  readonly cpu: number;
  readonly stored: number;
  readonly counted: number;
}

/** A stopped CPU does not run its idle task. */
interface NotIdle {
  readonly kind: 'not-idle';
  readonly cpu: number;
  readonly field: 'current' | 'idle';
  readonly value: number;
  readonly expected: number;
}

/** A task that a stopped CPU was about to bring somewhere. */
interface TaskInTransit {
  readonly kind: 'task-in-transit';
  readonly cpu: number;
  readonly value: number;
}

/** A word of a task that cannot be right. */
interface TaskField extends TaskRef {
  readonly kind: 'task-field';
  readonly field: string;
  readonly value: number;
}

/** Two tasks with one pid. */
interface TaskPid extends TaskRef {
  readonly kind: 'task-pid';
  readonly other: TaskRef;
}

/** A task that can run, and that no CPU will ever run. */
interface TaskLost extends TaskRef {
  readonly kind: 'task-lost';
  readonly state: number;
  readonly onRq: number;
}

interface TaskTwice extends TaskRef {
  readonly kind: 'task-twice';
  readonly first: TaskPlace;
  readonly second: TaskPlace;
}

/** A task that is not where it says. */
interface TaskElsewhere extends TaskRef {
  readonly kind: 'task-place';
  readonly onRq: number;
  readonly cpu: number;
  readonly place: TaskPlace;
}

/** An entry of a task that waits in line, and the line. */
interface TaskLine extends TaskRef {
  readonly kind: 'task-line';
  readonly line: string;
  readonly problem: 'is not in it' | 'is in it without saying so' | 'has ended' | 'is no line';
}

/** The first in line sleeps, and nobody is left who would wake it. */
interface TaskForgotten extends TaskRef {
  readonly kind: 'task-forgotten';
  readonly line: string;
  readonly problem: 'the mutex is free' | 'its owner does not know of waiters' | 'the semaphore is free';
}

/** A link of the chain of caches that its other end does not confirm. `cache` is empty for a link of the head. */
interface CacheChain {
  readonly kind: 'cache-chain';
  readonly cache: string;
  readonly link: 'next' | 'prev';
  readonly value: number;
}

export type SlabListName = 'partial' | 'full' | 'free';

/** A slab, by the word index of what describes it. */
interface OnSlab {
  readonly cache: string;
  readonly node: number;
  readonly slab: number;
}

/** A link of a list of slabs that its other end does not confirm. `slab` is 0 for a link of the head. */
interface SlabList extends OnSlab {
  readonly kind: 'slab-list';
  readonly list: SlabListName;
  readonly link: 'next' | 'prev';
  readonly value: number;
}

interface SlabField extends OnSlab {
  readonly kind: 'slab-field';
  readonly field: 's_mem' | 'nodeid';
  readonly value: number;
}

/** The chain of free objects leaves the slab or runs in a circle; `value` is its beginning. */
interface SlabChain extends OnSlab {
  readonly kind: 'slab-chain';
  readonly value: number;
}

/** Objects that are out, against those that are not on the chain of free ones. */
interface SlabInuse extends OnSlab {
  readonly kind: 'slab-inuse';
  readonly stored: number;
  readonly counted: number;
}

/** A slab in a list for fuller or emptier ones. */
interface SlabPlace extends OnSlab {
  readonly kind: 'slab-place';
  readonly list: SlabListName;
  readonly right: SlabListName;
}

/** A page of a slab that says otherwise. */
interface SlabPage extends OnFrame {
  readonly kind: 'slab-page';
  readonly cache: string;
  readonly slab: number;
  readonly problem: 'not PG_slab' | 'cache' | 'slab' | 'node' | 'of two slabs';
  readonly value: number;
}

/** A page with PG_slab that no slab has. */
interface SlabLost extends OnFrame {
  readonly kind: 'slab-lost';
  readonly cache: string;
  readonly slab: number;
}

interface FreeObjects {
  readonly kind: 'free-objects';
  readonly cache: string;
  readonly node: number;
  readonly stored: number;
  readonly counted: number;
}

/** A statistic of slabs' pages, with all that is not folded, against the pages. */
interface SlabPages extends ZoneRef {
  readonly kind: 'slab-pages';
  readonly item: string;
  readonly stored: number;
  readonly counted: number;
}

/** A number of an array of free objects. `array` says which: `cache size-64, array of CPU 1`. */
interface ArrayField {
  readonly kind: 'array-field';
  readonly array: string;
  readonly field: 'limit' | 'batchcount' | 'avail';
  readonly value: number;
  readonly most: number;
}

/** What is in an array and does not belong there, by its physical address. */
interface ArrayEntry {
  readonly kind: 'array-entry';
  readonly array: string;
  readonly entry: number;
  readonly physical: number;
  readonly problem: 'is no object' | 'is of another cache' | 'is of another node';
}

/** Where an object is. */
export type ObjectPlace =
  'in use' | 'in a free chain' | 'in an array' | 'in use by the allocator' | 'in use by a memory pool';

/** An object, by its physical address, in two places. */
interface ObjectTwice {
  readonly kind: 'object-twice';
  readonly cache: string;
  readonly node: number;
  readonly object: number;
  readonly first: ObjectPlace;
  readonly second: ObjectPlace;
}

/** An absent CPU that still has free objects. */
interface OfflineArray {
  readonly kind: 'offline-array';
  readonly cache: string;
  readonly cpu: number;
  readonly state: 'offline' | 'dead';
  readonly count: number;
}

/** What debugging has noted of an object, by its physical address, and is not so any more. */
interface ObjectDamaged {
  readonly kind: 'object-damaged';
  readonly cache: string;
  readonly node: number;
  readonly object: number;
  readonly place: ObjectPlace;
  readonly problem: 'mark' | 'poison' | 'red zone before' | 'red zone behind' | 'slack';
  /** The first byte that was written to, from the object's first one on: of its poison or slack, else -1. */
  readonly byte: number;
}

/** A memory pool, by its word index. */
interface OnPool {
  readonly pool: number;
}

/** A link of the chain of pools that its other end does not confirm. `pool` is 0 for a link of the head. */
interface PoolChain extends OnPool {
  readonly kind: 'mempool-chain';
  readonly link: 'next' | 'prev';
  readonly value: number;
}

interface PoolField extends OnPool {
  readonly kind: 'mempool-field';
  readonly field: 'magic' | 'min_nr' | 'curr_nr';
  readonly value: number;
}

/** An element of a reserve that cannot be one. */
interface PoolElement extends OnPool {
  readonly kind: 'mempool-element';
  readonly entry: number;
  readonly value: number;
  readonly problem: 'is NULL' | 'is no object' | 'is of another cache' | 'is no block in use';
}

export type Violation =
  | Lost
  | Twice
  | ListBroken
  | FreeBlock
  | FreeState
  | StrayBuddy
  | Unmerged
  | NrFree
  | FreePages
  | StatNegative
  | StatDiff
  | PcpCount
  | PcpLimit
  | PcpType
  | OfflinePageset
  | InTransit
  | LockHeld
  | CpuContext
  | CpuState
  | CallPending
  | Compound
  | PageZone
  | ReservedFree
  | HoleInUse
  | PageCount
  | OwnerRecord
  | Counter
  | NumaSums
  | PageEvents
  | Watermark
  | LowmemReserve
  | Pageblock
  | Zonelist
  | Mismatch<'zone-field'>
  | Mismatch<'node-field'>
  | Mismatch<'zone-table'>
  | Mismatch<'section'>
  | Mismatch<'total'>
  | ZoneSpan
  | ZoneCoverage
  | TaskList
  | NrRunning
  | NotIdle
  | TaskInTransit
  | TaskField
  | TaskPid
  | TaskLost
  | TaskTwice
  | TaskElsewhere
  | TaskLine
  | TaskForgotten
  | CacheChain
  | Mismatch<'cache-field'>
  | SlabList
  | SlabField
  | SlabChain
  | SlabInuse
  | SlabPlace
  | SlabPage
  | SlabLost
  | FreeObjects
  | SlabPages
  | ArrayField
  | ArrayEntry
  | ObjectTwice
  | ObjectDamaged
  | OfflineArray
  | PoolChain
  | PoolField
  | PoolElement
  | Structure;

export type ViolationKind = Violation['kind'];

/** The violations of one kind. */
export type ViolationOf<Kind extends ViolationKind> = Extract<Violation, { readonly kind: Kind }>;

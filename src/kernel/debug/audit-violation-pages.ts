/** What the audit can find in page frames, in the lists that they are in, and in zones. */

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
export interface OnFrame extends ZoneRef {
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

export type PageViolation =
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
  | Compound
  | PageZone
  | ReservedFree
  | HoleInUse
  | PageCount
  | OwnerRecord
  | Watermark
  | LowmemReserve
  | Pageblock
  | Zonelist
  | ZoneSpan
  | ZoneCoverage;

import { NR_MEM_SECTIONS, SECTION_PAGES } from '../../arch/page.js';
import type { Cpu } from '../core/cpu.js';
import type { FirmwareTables, Ram } from './audit-firmware.js';
import { NOWHERE, placeOf, TWICE, UNCLEAR } from './audit-place.js';
import type { Violation, ViolationKind } from './audit-violation.js';
import type { Place, ZoneRef } from './audit-violation-pages.js';
import { PAGE, references } from '../mm/page.js';

/** Frames that physical memory can have at most. */
export const MAX_FRAMES = NR_MEM_SECTIONS * SECTION_PAGES;

/** A zone as the audit sees it. */
export interface AuditZone extends ZoneRef {
  readonly word: number;
  readonly type: number;
  /** Has pages, as far as can be told. */
  readonly populated: boolean;
  /** The frames: `end` is exclusive. Both are 0 when the zone's own numbers are impossible. */
  readonly start: number;
  readonly end: number;
  /** RAM in it, ascending; `present` is its sum. */
  readonly ram: readonly Ram[];
  readonly present: number;
  /** Word index that the struct page of frame 0 would have. */
  readonly map: number;
  /** Pages in the free lists and in the page sets. */
  free: number;
  percpu: number;
  /** Whether these counts are right: every list could be followed, and every block had its right size. */
  exact: boolean;
}

/** A node as the audit sees it. */
/** Instead of the place of a memory map, when there is none. */
export const NO_MAP = -Infinity;

export interface AuditNode {
  readonly node: number;
  readonly word: number;
  /** By zone type. */
  readonly zones: readonly AuditZone[];
  readonly map: number;
  /** Frames from its first RAM to its last. */
  readonly start: number;
  readonly end: number;
}

/** The state of one audit: what it found out so far. It writes nothing into the image. */
export class AuditRun {
  readonly k: Cpu;
  /** Violations of a kind that are kept; the others are counted. */
  readonly limit: number;
  readonly violations: Violation[] = [];
  readonly found = new Map<ViolationKind, number>();
  /** Where each frame is, by frame: numbers of audit-place.ts. */
  places = new Uint16Array(0);
  firmware: FirmwareTables | undefined;
  nodes: readonly AuditNode[] = [];
  /** All zones, populated or not. */
  zones: readonly AuditZone[] = [];
  /** Word index of each CPU's area, of the console's last; 0 for one that cannot be right. */
  areas: readonly number[] = [];
  cpus = 0;
  /** From frame 0 to the end of RAM. */
  frames = 0;
  /** Tasks that exist, those of idle CPUs aside. */
  tasks = 0;
  /** Slab caches, and their slabs. */
  caches = 0;
  slabs = 0;
  pageblockOrder = 0;
  lists = 0;
  listEntries = 0;

  constructor(k: Cpu, limit: number) {
    this.k = k;
    this.limit = limit;
  }

  /** Notes a violation. */
  report(violation: Violation): void {
    const found = (this.found.get(violation.kind) ?? 0) + 1;
    this.found.set(violation.kind, found);
    if (found <= this.limit) this.violations.push(violation);
  }

  /** Whether all is well so far. */
  isClean(): boolean {
    return this.found.size === 0;
  }

  /** Notes that a frame is at a place: a violation if it is at another one already. */
  claim(zone: AuditZone, frame: number, place: number): void {
    const before = this.places[frame];
    if (before === NOWHERE || before === UNCLEAR) this.places[frame] = place;
    else if (place !== UNCLEAR) {
      this.reportTwice(zone, frame, placeOf(before, countOf(this.k, zone, frame)), placeOf(place, 0));
    }
  }

  /** Notes that a frame is in two places. Once a frame: more follows from the first. */
  reportTwice(zone: AuditZone, frame: number, first: Place, second: Place): void {
    if ((this.places[frame] & TWICE) !== 0) return;
    this.places[frame] |= TWICE;
    this.report({ kind: 'twice', node: zone.node, zone: zone.zone, frame, first, second });
  }
}

function countOf(k: Cpu, zone: AuditZone, frame: number): number {
  return references(k.i32[zone.map + frame * PAGE.words + PAGE.at._count]);
}

import { LiveTable, NOT_LIVE } from './live-table.js';

/** Rows of their own; what comes after that is added to the first row of the same class. */
const MAX_ROWS = 65_536;

/** More than there are call sites, those that are not known included. */
const SITES = 65_536;

/** The allocations of one class of objects at one call site. */
export interface WasteEntry {
  /** The number of the call site, or NO_TEXT. */
  readonly site: number;
  /** The number of the class of objects. */
  readonly objects: number;
  allocations: number;
  /** Sizes asked for (bytes). */
  requested: number;
  /** Sizes that the traced kernel gave (bytes). */
  allocated: number;
  /** Sizes that kmalloc gives here, if the class is from there (bytes). */
  given: number;
}

/** Adds up allocations by class and call site. */
export class WasteTable {
  readonly #rows: WasteEntry[] = [];
  readonly #places = new LiveTable();

  /**
   * Takes an allocation into account.
   *
   * @param site see {@link WasteEntry}; so for the rest
   */
  add(site: number, objects: number, requested: number, allocated: number, given: number): void {
    const row = this.#row(site, objects);
    row.allocations++;
    row.requested += requested;
    row.allocated += allocated;
    row.given += given;
  }

  /** The sums so far. */
  rows(): readonly WasteEntry[] {
    return this.#rows;
  }

  #row(site: number, objects: number): WasteEntry {
    const key = objects * SITES + site + 1;
    const known = this.#places.get(key);
    if (known !== NOT_LIVE) return this.#rows[known];
    const isFull = this.#rows.length >= MAX_ROWS;
    const other = isFull ? this.#rows.find((row) => row.objects === objects) : undefined;
    if (other !== undefined) return other;
    const row = { site, objects, allocations: 0, requested: 0, allocated: 0, given: 0 };
    this.#places.put(key, this.#rows.push(row) - 1);
    return row;
  }
}

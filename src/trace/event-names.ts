import { textOf } from './ascii.js';
import { ByteStringCache } from './byte-string-cache.js';
import { EventKind, KNOWN_EVENTS } from './kmem-event.js';

/** Different names that are counted one by one. Linux has some 2,000 tracepoints. */
const MAX_NAMES = 8192;

/** Stands for all further names once {@link MAX_NAMES} are known, so that memory stays bounded. */
const FURTHER_NAMES = '(further names)';

/** An event by name: what it does, and how often it came. */
export interface EventName {
  readonly name: string;
  readonly kind: EventKind;
  count: number;
}

/** All event names of a trace, found by their bytes and counted. */
export class EventNames {
  readonly #cache = new ByteStringCache<EventName>();
  readonly #names = new Map<string, EventName>(
    KNOWN_EVENTS.map(([name, kind]) => [name, { name, kind, count: 0 }]),
  );

  /**
   * The entry of the name in the bytes from start up to end, not included; made if the name is new.
   *
   * @param hash their hash by `hashStep`, or any number that is always the same for the same name
   */
  find(bytes: Uint8Array, start: number, end: number, hash: number): EventName {
    const cached = this.#cache.find(bytes, start, end, hash);
    if (cached !== undefined) return cached;
    const found = this.#findText(textOf(bytes, start, end));
    this.#cache.keep(bytes, start, end, hash, found);
    return found;
  }

  /** The names that occurred, the most frequent first. */
  counted(): EventName[] {
    const used = [...this.#names.values()].filter(({ count }) => count > 0);
    return used.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  }

  #findText(text: string): EventName {
    // perf script puts the name of the subsystem in front.
    const plain = text.startsWith('kmem:') ? text.slice('kmem:'.length) : text;
    const known = this.#names.get(plain);
    if (known !== undefined) return known;
    const name = this.#names.size < MAX_NAMES ? plain : FURTHER_NAMES;
    const entry = this.#names.get(name) ?? { name, kind: EventKind.other, count: 0 };
    this.#names.set(name, entry);
    return entry;
  }
}

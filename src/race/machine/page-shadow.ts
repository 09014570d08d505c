import { PAGE_SHIFT, PAGE_SIZE } from '../../arch/page.js';
import { TRANSIT_ORDER_SHIFT } from '../../kernel/core/cpu-area.js';
import { references } from '../../kernel/mm/page.js';
import { type AccessWatcher, ACCESS_READS, ACCESS_WRITES } from '../engine/access-watcher.js';
import type { Executor } from '../engine/executor.js';
import type { FailureDetail, FailureKind } from '../engine/failure.js';
import { MODE_MARKED } from '../engine/op.js';
import { MAX_THREADS } from '../engine/strategy.js';
import type { SimThread } from '../engine/thread.js';
import {
  FRAME_FREE,
  FRAME_UNWATCHED,
  FRAME_USED,
  FrameTable,
  PLACE_CONTROL,
  PLACE_OTHER,
  WORD_TRANSIT,
} from './frame-table.js';
import { type BlockEvent, blockText, eventDetail, pageText, partText } from './page-texts.js';
import { LastUses } from './last-uses.js';
import { WrittenBytes } from './written-bytes.js';

/** An allocation or a free. */
interface BlockRecord extends BlockEvent {
  /** Of an allocation: where what is known about its last uses starts; see {@link LastUses}. */
  readonly uses: number;
  /** Of a free: the allocation that it ended, if that was in this execution. */
  readonly ended: BlockRecord | undefined;
}

/** What the shadow needs of an executor. */
export type ShadowHost = Pick<Executor, 'steps' | 'sims' | 'limits' | 'happensBefore' | 'fail'>;

/** Where accesses outside of threads have their slot. */
const NO_THREAD = MAX_THREADS + 1;
const FRAME_BITS = (1 << TRANSIT_ORDER_SHIFT) - 1;
/** How far from a block an access beyond its end is still told as one, in frames. */
const NEIGHBOURHOOD = 16;

/**
 * Shadow memory of the page allocator: for every frame that it has, whether it is free or allocated, by whom, and which
 * of its bytes were written since. The kernel has no hooks for this. It is told by the accesses themselves: before the
 * allocator makes the `_count` of a first page 1, or 0, it writes the block to `pageInTransit` of its CPU, with its
 * order. That holds for all its ways, long and short, and for compound pages.
 *
 * A block that is in transit is the allocator's: it may clear it. What the allocator never had (the memory map, what
 * boot allocated) is not watched, and of pages that were allocated during boot it is only watched when they are freed.
 *
 * There is no quarantine and there are no red zones: they would change which page comes next, and so what is tested. The
 * allocator hands a freed page out again at once, and then the state cannot tell a use by who had it before from one by
 * who has it now; and a pointer says nothing about where it came from. What can tell them apart is order. Who got a page
 * from another thread in a proper way has a lock or Atomics between the allocation and his first access, and another one
 * between his last access and the free. So a use is wrong that nothing orders after the allocation, and a free that
 * nothing orders after a use, even where the execution happens to have them the right way round. What remains unseen is a
 * page that a thread frees and itself gets again, or hands to the next owner, and uses by an old address; and a step
 * beyond a block into one that the same thread knows of.
 */
export class PageShadow implements AccessWatcher {
  /** What runs when no thread does: `setup`, `final`. */
  phase = 'setup';
  readonly #host: ShadowHost;
  readonly #checksWritten: boolean;
  readonly #table: FrameTable;
  readonly #places: Int32Array;
  /** For each frame: `FRAME_*`; what the last allocation and the last free were, from 1; 0 for none in this execution. */
  readonly #states: Uint8Array;
  readonly #allocated: Int32Array;
  readonly #freed: Int32Array;
  readonly #written: WrittenBytes;
  /** Frames that are not as boot left them. */
  readonly #touched: number[] = [];
  readonly #isTouched: Uint8Array;
  readonly #allocations: BlockRecord[] = [];
  readonly #frees: BlockRecord[] = [];
  readonly #uses = new LastUses();
  /** For each thread: the block that it has in transit, as `pageInTransit` says it, and whose `_count` it used last. */
  readonly #transits = new Int32Array(NO_THREAD + 1);
  readonly #counted = new Int32Array(NO_THREAD + 1);

  /**
   * @param i32 the image of a machine that has booted
   * @param checksWritten whether reads of what was never written are failures
   */
  constructor(i32: Int32Array, host: ShadowHost, checksWritten: boolean) {
    this.#host = host;
    this.#checksWritten = checksWritten;
    this.#table = new FrameTable(i32);
    this.#places = this.#table.places;
    const frames = this.#table.states.length;
    this.#states = this.#table.states.slice();
    this.#allocated = new Int32Array(frames);
    this.#freed = new Int32Array(frames);
    this.#written = new WrittenBytes(frames);
    this.#isTouched = new Uint8Array(frames);
  }

  /** Begins an execution, before its setup: everything is as boot left it. */
  begin(): void {
    for (const frame of this.#touched) {
      this.#states[frame] = this.#table.states[frame];
      this.#allocated[frame] = 0;
      this.#freed[frame] = 0;
      this.#isTouched[frame] = 0;
      this.#written.clear(frame);
    }
    this.#touched.length = 0;
    this.#allocations.length = 0;
    this.#frees.length = 0;
    this.#uses.clear();
    this.#transits.fill(0);
    this.#counted.fill(0);
    this.phase = 'setup';
  }

  access(t: SimThread | null, address: number, size: number, how: number, after: number): void {
    const last = (address + size - 1) >>> PAGE_SHIFT;
    for (let page = address >>> PAGE_SHIFT; page <= last && page < this.#places.length; page++) {
      const place = this.#places[page];
      if (place === PLACE_OTHER) continue;
      if (place === PLACE_CONTROL) {
        this.#control(t, address >>> 2, how, after);
        continue;
      }
      const start = page * PAGE_SIZE;
      this.#memory(t, place, Math.max(address - start, 0), Math.min(address + size - start, PAGE_SIZE), how);
    }
  }

  /** After the end of an execution: what it allocated and did not free is a `leak`. */
  checkLeaks(): void {
    const leaks = this.#allocations.filter((allocation, i) => this.#pagesLeft(allocation, i + 1) > 0);
    if (leaks.length === 0) return;
    const [first] = leaks;
    const message =
      leaks.length === 1
        ? `${blockText(first)}, allocated by ${first.by}, ${first.order === 0 ? 'was' : 'were'} not freed`
        : `${leaks.length} blocks were not freed, the first of them ${blockText(first)}, allocated by ${first.by}`;
    const details = leaks.map((allocation) => {
      const left = this.#pagesLeft(allocation, this.#allocations.indexOf(allocation) + 1);
      const detail = eventDetail('allocated', allocation);
      if (left === 1 << allocation.order) return detail;
      return {
        ...detail,
        heading: `${detail.heading}; ${left} of its ${1 << allocation.order} pages are left`,
      };
    });
    this.#host.fail('leak', message, -1, details);
  }

  #pagesLeft({ frame, order }: BlockEvent, id: number): number {
    let left = 0;
    for (let i = frame; i < frame + (1 << order); i++) {
      if (this.#allocated[i] === id && this.#states[i] === FRAME_USED) left++;
    }
    return left;
  }

  /** What is known about the page whose count a thread used last: for a report of the kernel about that page. */
  historyOf(t: SimThread | null): FailureDetail[] {
    const frame = this.#counted[slotOf(t)];
    return frame === 0 ? [] : this.#history(frame);
  }

  #history(frame: number): FailureDetail[] {
    const free = this.#lastFree(frame);
    const allocation = this.#allocationOf(frame);
    const details: FailureDetail[] = [];
    if (free?.ended !== undefined) details.push(eventDetail('allocated', free.ended));
    if (free !== undefined) details.push(eventDetail('freed', free));
    // A page that is in use was allocated after it was freed.
    if (allocation !== undefined && allocation !== free?.ended)
      details.push(eventDetail('allocated', allocation));
    return details;
  }

  #allocationOf(frame: number): BlockRecord | undefined {
    const id = this.#allocated[frame];
    return id === 0 ? undefined : this.#allocations[id - 1];
  }

  #lastFree(frame: number): BlockRecord | undefined {
    const id = this.#freed[frame];
    return id === 0 ? undefined : this.#frees[id - 1];
  }

  #by(t: SimThread | null): string {
    return t?.name ?? this.phase;
  }

  #fail(t: SimThread | null, kind: FailureKind, message: string, details: FailureDetail[]): void {
    this.#host.fail(kind, `${this.#by(t)} ${message}`, t?.id ?? -1, details);
  }

  // What the allocator does.

  #control(t: SimThread | null, word: number, how: number, after: number): void {
    const role = this.#table.roleOf(word);
    if (role === 0) return;
    const slot = slotOf(t);
    if (role === WORD_TRANSIT) {
      if ((how & ACCESS_WRITES) !== 0) this.#transits[slot] = after;
      return;
    }
    this.#counted[slot] = role;
    if ((how & ACCESS_WRITES) !== 0) this.#count(t, role, after | 0);
  }

  /** The count of a frame becomes `after`. */
  #count(t: SimThread | null, frame: number, after: number): void {
    const transit = this.#transits[slotOf(t)];
    const isInTransit = (transit & FRAME_BITS) === frame;
    const order = transit >>> TRANSIT_ORDER_SHIFT;
    if (isInTransit && after === 0) this.#free(t, frame, order);
    else if (isInTransit && after === 1) this.#allocate(t, frame, order);
    else if (references(after) < 0) {
      this.#fail(t, 'double-free', `drops a reference of ${pageText(frame)}, ${this.#whyFree(frame)}`, [
        ...this.#history(frame),
      ]);
    } else if (after !== 0 && this.#states[frame] === FRAME_FREE) {
      this.#failFree(t, frame, `takes a reference of ${pageText(frame)}`);
    }
  }

  #allocate(t: SimThread | null, frame: number, order: number): void {
    const id = this.#allocations.push(this.#record(t, frame, order, this.#uses.add(), undefined));
    for (let i = frame; i < frame + (1 << order); i++) {
      if (this.#states[i] === FRAME_USED) {
        const owner = this.#allocationOf(i)?.by ?? 'the kernel';
        this.#fail(t, 'assertion', `allocates ${pageText(i)}, which ${owner} has`, this.#history(i));
        return;
      }
      this.#touch(i);
      this.#states[i] = FRAME_USED;
      this.#allocated[i] = id;
    }
  }

  #free(t: SimThread | null, frame: number, order: number): void {
    if (this.#states[frame] === FRAME_UNWATCHED) return;
    const ended = this.#allocationOf(frame);
    const end = frame + (1 << order);
    const isUsed = this.#states[frame] === FRAME_USED;
    if (isUsed && ended !== undefined && end > ended.frame + (1 << ended.order)) {
      const message = `frees ${1 << order} pages from 0x${frame.toString(16)} on, more than were allocated there`;
      this.#fail(t, 'out-of-bounds', message, [eventDetail('allocated', ended)]);
      return;
    }
    for (let i = frame; i < end; i++) {
      if (this.#states[i] === FRAME_FREE) {
        this.#fail(t, 'double-free', `frees ${pageText(i)}, ${this.#whyFree(i)}`, this.#history(i));
        return;
      }
    }
    if (t !== null && ended !== undefined) this.#checkUsers(t, ended);
    const id = this.#frees.push(this.#record(t, frame, order, 0, ended));
    for (let i = frame; i < end; i++) {
      this.#touch(i);
      this.#states[i] = FRAME_FREE;
      this.#freed[i] = id;
      this.#written.clear(i);
    }
  }

  #record(
    t: SimThread | null,
    frame: number,
    order: number,
    uses: number,
    ended: BlockRecord | undefined,
  ): BlockRecord {
    if (t === null) return { frame, order, by: this.phase, thread: -1, step: -1, stamp: 0, uses, ended };
    const { happensBefore, steps } = this.#host;
    const stamp = happensBefore.stampOf(t.id);
    return { frame, order, by: t.name, thread: t.id, step: steps - 1, stamp, uses, ended };
  }

  #touch(frame: number): void {
    if (this.#isTouched[frame] !== 0) return;
    this.#isTouched[frame] = 1;
    this.#touched.push(frame);
  }

  /** All uses of a block by other threads must be ordered before its free. */
  #checkUsers(t: SimThread, allocation: BlockRecord): void {
    const { happensBefore, limits } = this.#host;
    if (!limits.detectRaces) return;
    for (let user = 0; user < this.#host.sims.length; user++) {
      const stamp = this.#uses.stamps[allocation.uses + user];
      if (stamp === 0 || user === t.id || happensBefore.isOrdered(stamp, t.id)) continue;
      const { name } = this.#host.sims[user];
      const message = `frees ${blockText(allocation)} while ${name} may be using it: nothing orders the two`;
      const step = this.#uses.steps[allocation.uses + user];
      this.#fail(t, 'use-after-free', message, [
        eventDetail('allocated', allocation),
        { heading: `the last use by ${name}, step ${step}`, lines: [], step },
      ]);
      return;
    }
  }

  // What is done to pages.

  #memory(t: SimThread | null, frame: number, from: number, to: number, how: number): void {
    if (this.#states[frame] === FRAME_USED) this.#used(t, frame, from, to, how);
    else if (!this.#isMoving(t, frame)) {
      this.#failFree(t, frame, `${verbOf(how)} ${partText(frame, from, to)}`);
    } else if ((how & ACCESS_WRITES) !== 0) {
      this.#touch(frame);
      this.#written.write(frame, from, to);
    }
  }

  #used(t: SimThread | null, frame: number, from: number, to: number, how: number): void {
    const id = this.#allocated[frame];
    if (id === 0) return;
    const allocation = this.#allocations[id - 1];
    if (t !== null && t.mode !== MODE_MARKED && this.#host.limits.detectRaces) {
      if (!this.#isKnown(t, allocation)) {
        this.#failUnknown(t, frame, allocation, `${verbOf(how)} ${partText(frame, from, to)}`);
        return;
      }
      this.#uses.stamps[allocation.uses + t.id] = this.#host.happensBefore.stampOf(t.id);
      this.#uses.steps[allocation.uses + t.id] = this.#host.steps - 1;
    }
    if ((how & ACCESS_READS) !== 0 && this.#checksWritten && !this.#written.has(frame, from, to)) {
      const message = `reads ${partText(frame, from, to)}, which nobody has written since ${allocation.by} allocated it`;
      this.#fail(t, 'uninitialised', message, [eventDetail('allocated', allocation)]);
    }
    if ((how & ACCESS_WRITES) !== 0) this.#written.write(frame, from, to);
  }

  /** Whether the thread has the frame in transit. */
  #isMoving(t: SimThread | null, frame: number): boolean {
    const transit = this.#transits[slotOf(t)];
    const first = transit & FRAME_BITS;
    return transit !== 0 && frame >= first && frame < first + (1 << (transit >>> TRANSIT_ORDER_SHIFT));
  }

  /** Whether an allocation is ordered before what the thread does now: else it cannot have its address from there. */
  #isKnown(t: SimThread, allocation: BlockRecord): boolean {
    return allocation.thread === t.id || this.#host.happensBefore.isOrdered(allocation.stamp, t.id);
  }

  /** A thread uses a page of an allocation that it cannot know of. */
  #failUnknown(t: SimThread, frame: number, allocation: BlockRecord, what: string): void {
    const free = this.#lastFree(frame);
    const owner = `${allocation.by} has allocated, and nothing orders this after the allocation`;
    if (free === undefined) this.#fail(t, 'out-of-bounds', `${what}, which ${owner}`, this.#history(frame));
    else
      this.#fail(
        t,
        'use-after-free',
        `${what}, which ${free.by} has freed, and ${owner}`,
        this.#history(frame),
      );
  }

  /** A page that is free is used: it was freed, or nobody ever had it. */
  #failFree(t: SimThread | null, frame: number, what: string): void {
    const message = `${what}, ${this.#whyFree(frame)}`;
    if (this.#freed[frame] !== 0) {
      this.#fail(t, 'use-after-free', message, this.#history(frame));
      return;
    }
    const neighbour = this.#neighbourOf(frame);
    if (neighbour === undefined) {
      this.#fail(t, 'out-of-bounds', message, []);
      return;
    }
    const side = neighbour.frame < frame ? 'behind' : 'before';
    this.#fail(t, 'out-of-bounds', `${message}: it lies ${side} ${blockText(neighbour)}`, [
      eventDetail('allocated', neighbour),
    ]);
  }

  #whyFree(frame: number): string {
    const free = this.#lastFree(frame);
    if (this.#states[frame] !== FRAME_FREE) return 'which has none of its own';
    return free === undefined ? 'which nobody has allocated' : `which ${free.by} has freed`;
  }

  /** The allocated block that is nearest to a frame; the one before it, if there are two. */
  #neighbourOf(frame: number): BlockRecord | undefined {
    for (let distance = 1; distance <= NEIGHBOURHOOD; distance++) {
      for (const other of [frame - distance, frame + distance]) {
        if (this.#states[other] === FRAME_USED && this.#allocated[other] !== 0)
          return this.#allocationOf(other);
      }
    }
    return undefined;
  }
}

function slotOf(t: SimThread | null): number {
  return t === null ? NO_THREAD : t.id;
}

function verbOf(how: number): string {
  if (how === ACCESS_READS) return 'reads';
  return how === ACCESS_WRITES ? 'writes' : 'changes';
}

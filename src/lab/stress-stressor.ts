import type { Kernel } from '../kernel/kernel.js';
import { frameWord } from '../kernel/mm/address.js';
import { __GFP_COMP, __GFP_WAIT } from '../kernel/mm/gfp.js';
import { writeCanary } from './stress-canary.js';
import { brokenContract } from './stress-contract.js';
import type { StressControl, StressCounter } from './stress-control.js';
import {
  OP_ALLOC,
  OP_DRAIN,
  OP_FREE,
  OP_POLICY,
  OP_RECEIVE,
  OP_SEND,
  OP_SHARE,
} from './stress-operations.js';
import { StressRandom } from './stress-random.js';
import { COMPOUND, failStress, SHARED, StressTable } from './stress-table.js';

/** One in so many allocations that do not sleep is made with interrupts off. */
const IRQS_OFF_ONCE_IN = 64;

/** How much of its share of the machine's memory a CPU tries to have: above 1 memory runs out. */
const LEVELS = [0.02, 0.2, 0.5, 0.8, 1, 1.3] as const;

/** What one CPU does to the allocator: the operations from which the workloads are made. */
export class Stressor {
  readonly k: Kernel;
  readonly random: StressRandom;
  /** Operations so far. */
  operations: number;
  readonly #control: StressControl;
  readonly #cpu: number;
  readonly #table: StressTable;
  readonly #share: number;
  /** Slots with a block, in no order, and how many there are. */
  readonly #used: Int32Array;
  #blocks = 0;
  /** Empty slots, as a stack. */
  readonly #empty: Int32Array;
  #held = 0;
  #target = 0;
  #targetUntil = 0;
  #nextPeer = 0;

  constructor(
    k: Kernel,
    control: StressControl,
    task: { readonly seed: number; readonly life: number; readonly share: number },
  ) {
    this.k = k;
    this.#control = control;
    this.#cpu = k.cpu;
    this.#table = new StressTable(control, k.cpu);
    this.#share = task.share;
    this.random = new StressRandom(task.seed, k.cpu + control.cpus * task.life);
    this.#used = new Int32Array(control.slots);
    this.#empty = Int32Array.from({ length: control.slots }, (_, i) => control.slots - 1 - i);
    this.operations = control.count(k.cpu, 'operations');
  }

  /** Blocks that this CPU holds. */
  get blocks(): number {
    return this.#blocks;
  }

  get cpus(): number {
    return this.#control.cpus;
  }

  /** Whether the CPU holds as much as it wants, or cannot note any more. */
  get isFull(): boolean {
    return this.#held >= this.#target || this.#blocks === this.#control.slots;
  }

  /** Which part of what it wants the CPU holds. */
  get fill(): number {
    return this.#blocks === this.#control.slots ? 1 : this.#held / this.#target;
  }

  /** The end of an operation. */
  ended(): void {
    this.operations++;
    this.#control.f64[this.#control.counter(this.#cpu, 'operations')] = this.operations;
    this.#control.i32[this.#control.beats(this.#cpu)]++;
    if (this.operations >= this.#targetUntil) this.#newTarget();
    this.k.poll();
  }

  #newTarget(): void {
    const level = LEVELS[this.random.below(LEVELS.length)];
    this.#target = Math.max(4, Math.floor(this.#share * level));
    this.#targetUntil = this.operations + 1000 + this.random.below(2 * this.#target);
  }

  note(code: number, order: number, mask: number, detail: number, pfn: number): number {
    return this.#control.note(this.#cpu, code, order, mask, detail, pfn);
  }

  #count(name: StressCounter, by = 1): void {
    this.#control.f64[this.#control.counter(this.#cpu, name)] += by;
  }

  #hold(pages: number): void {
    this.#held += pages;
    const { f64 } = this.#control;
    f64[this.#control.counter(this.#cpu, 'pagesHeld')] = this.#held;
    const most = this.#control.counter(this.#cpu, 'mostPagesHeld');
    if (this.#held > f64[most]) f64[most] = this.#held;
  }

  /**
   * Allocates a block, checks it and fills it.
   *
   * @param node wanted node, or -1: by the memory policy
   * @returns whether there was one
   */
  allocate(order: number, mask: number, node = -1): boolean {
    if (this.#blocks === this.#control.slots) return false;
    const { i32 } = this.#control;
    const slot = this.#empty[this.#control.slots - 1 - this.#blocks];
    const note = this.note(OP_ALLOC, order, mask, node, 0);
    const flight = this.#control.flight(this.#cpu);
    i32[flight] = order + 1;
    const pfn = this.#ask(order, mask, node);
    if (pfn === 0) {
      i32[flight] = 0;
      this.#control.finish(note, 0);
      this.#count('failed');
      this.#control.f64[this.#control.failedByOrder(this.#cpu) + order]++;
      return false;
    }
    const tag = this.#control.nextTag(this.#cpu);
    this.#table.enter(slot, pfn, order, (mask & __GFP_COMP) !== 0 && order > 0 ? COMPOUND : 0, tag);
    i32[flight] = 0;
    this.#control.finish(note, pfn);
    const broken = brokenContract(this.k, pfn, order, mask, node);
    if (broken !== undefined) {
      failStress(
        this.#control,
        `wrong block: pfn 0x${pfn.toString(16)}, order ${order}, mask 0x${mask.toString(16)}, node ${node}: ${broken}`,
      );
    }
    writeCanary(this.k.i32, frameWord(this.k, pfn), pfn, order, tag);
    this.#table.hold(slot);
    this.#used[this.#blocks++] = slot;
    this.#count('allocations');
    this.#control.f64[this.#control.allocatedByOrder(this.#cpu) + order]++;
    this.#hold(1 << order);
    return true;
  }

  #ask(order: number, mask: number, node: number): number {
    const { k } = this;
    if ((mask & __GFP_WAIT) === 0 && this.random.oneIn(IRQS_OFF_ONCE_IN)) {
      const flags = k.local_irq_save();
      const pfn = node < 0 ? k.alloc_pages(mask, order) : k.alloc_pages_node(node, mask, order);
      k.local_irq_restore(flags);
      return pfn;
    }
    return node < 0 ? k.alloc_pages(mask, order) : k.alloc_pages_node(node, mask, order);
  }

  /** Checks a block and frees it. @param index from 0 to {@link blocks} - 1 */
  free(index: number): void {
    const slot = this.#used[index];
    const order = this.#table.orderOf(slot);
    const note = this.note(OP_FREE, order, 0, 0, this.#table.pfnOf(slot));
    this.#table.verify(this.k, slot);
    this.#table.release(slot, this.#release);
    this.#control.finish(note, this.#table.pfnOf(slot));
    this.#drop(index, order);
    this.#count('frees');
    this.#count('pagesChecked', 1 << order);
  }

  /** Forgets a block that is gone: its slot is empty. */
  #drop(index: number, order: number): void {
    const slot = this.#used[index];
    this.#blocks--;
    this.#used[index] = this.#used[this.#blocks];
    this.#empty[this.#control.slots - 1 - this.#blocks] = slot;
    this.#hold(-(1 << order));
  }

  /** Frees a block by one of the functions that may free it. */
  readonly #release = (pfn: number, order: number, flags: number): void => {
    const { k } = this;
    const way = this.random.below(8);
    const address = way === 0 ? k.page_address(pfn) : 0;
    if (address !== 0) k.free_pages(address, order);
    else if (way === 1 && (order === 0 || (flags & COMPOUND) !== 0)) k.put_page(pfn);
    else if (way === 2 && order === 0) k.free_cold_page(pfn);
    else if (way === 3 && order === 0) k.free_hot_page(pfn);
    else if (way === 4 && (flags & SHARED) === 0) {
      k.get_page(pfn);
      k.__free_pages(pfn, order);
      k.__free_pages(pfn, order);
    } else k.__free_pages(pfn, order);
  };

  /** Frees a block chosen at random, if there is one. */
  freeAny(): void {
    if (this.#blocks > 0) this.free(this.random.below(this.#blocks));
  }

  freeAll(): void {
    while (this.#blocks > 0) {
      this.free(this.#blocks - 1);
      this.#control.i32[this.#control.beats(this.#cpu)]++;
      this.k.poll();
    }
  }

  /** Gives a block chosen at random to another CPU; frees it when that has no room. */
  sendAny(): void {
    const to = this.#otherCpu();
    if (this.#blocks === 0 || to < 0) return;
    const index = this.random.below(this.#blocks);
    const slot = this.#used[index];
    const order = this.#table.orderOf(slot);
    const note = this.note(OP_SEND, order, 0, to, this.#table.pfnOf(slot));
    if (!this.#table.send(slot, to)) {
      this.free(index);
      return;
    }
    this.#control.finish(note, this.#table.pfnOf(slot));
    this.#drop(index, order);
    this.#count('sent');
  }

  /** Gives another CPU a reference to a block chosen at random: the last of the two to free it really does. */
  shareAny(): void {
    const to = this.#otherCpu();
    if (this.#blocks === 0 || to < 0 || !this.#table.canSend(to)) return;
    const slot = this.#used[this.random.below(this.#blocks)];
    const { i32 } = this.#control;
    const order = this.#table.orderOf(slot);
    const pfn = this.#table.pfnOf(slot);
    const note = this.note(OP_SHARE, order, 0, to, pfn);
    const flight = this.#control.flight(this.#cpu);
    this.#table.markShared(slot);
    i32[flight] = order + 1;
    this.k.get_page(pfn);
    this.#table.sendCopy(slot, to);
    i32[flight] = 0;
    this.#control.finish(note, pfn);
    this.#count('sent');
  }

  /** Another CPU, or -1. It may be offline or dead: its mailbox waits for it. */
  #otherCpu(): number {
    if (this.cpus === 1) return -1;
    const cpu = this.random.below(this.cpus - 1);
    return cpu < this.#cpu ? cpu : cpu + 1;
  }

  /** Looks into the next mailbox; whether there was a block. */
  receiveNext(): boolean {
    this.#nextPeer = (this.#nextPeer + 1) % this.cpus;
    const from = this.#nextPeer;
    if (from === this.#cpu || this.#blocks === this.#control.slots || !this.#table.hasMail(from))
      return false;
    this.#receive(from);
    return true;
  }

  #receive(from: number): void {
    const slot = this.#empty[this.#control.slots - 1 - this.#blocks];
    const note = this.note(OP_RECEIVE, 0, 0, from, 0);
    this.#table.receive(slot, from);
    this.#control.i32[note + 2] = this.#table.orderOf(slot);
    this.#control.finish(note, this.#table.pfnOf(slot));
    this.#used[this.#blocks++] = slot;
    this.#hold(1 << this.#table.orderOf(slot));
    this.#count('received');
    if (!this.random.oneIn(4)) this.free(this.#blocks - 1);
  }

  /** Frees what is in the mailboxes of all CPUs, when nobody else uses them any more. This CPU holds nothing. */
  emptyMailboxes(): void {
    for (let to = 0; to < this.cpus; to++) {
      const table = new StressTable(this.#control, to);
      for (let from = 0; from < this.cpus; from++) {
        while (table.hasMail(from)) {
          table.receive(0, from);
          table.verify(this.k, 0);
          this.#count('frees');
          this.#count('pagesChecked', 1 << table.orderOf(0));
          table.release(0, this.#release);
          this.#control.i32[this.#control.beats(this.#cpu)]++;
        }
      }
    }
  }

  /** Sets the memory policy of the task on this CPU. */
  setPolicy(mode: number, nodes: readonly number[]): void {
    const bits = nodes.reduce((mask, node) => mask | (1 << node), 0);
    const note = this.note(OP_POLICY, 0, bits, mode, 0);
    const error = this.k.set_mempolicy(mode, nodes);
    if (error !== 0)
      failStress(this.#control, `set_mempolicy(${mode}, [${nodes.join(', ')}]) returned ${error}`);
    this.#control.finish(note, 0);
  }

  /** Makes all CPUs give their page lists back. */
  drain(): void {
    const note = this.note(OP_DRAIN, 0, 0, 0, 0);
    this.k.drain_all_pages();
    this.#control.finish(note, 0);
  }
}

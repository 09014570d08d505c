import type { Kernel } from '../kernel/kernel.js';
import { frameWord } from '../kernel/mm/address.js';
import { checkCanary, describeCanaryFault } from './stress-canary.js';
import { MAIL_HEAD, MAIL_TAIL, SLOT_WORDS, type StressControl } from './stress-control.js';
import { STOP_AT_ONCE } from './stress-stop.js';

/**
 * The table of the blocks that a CPU holds, in shared memory: when the CPU dies, another one verifies and frees them.
 * So each step that changes who owns a block is written down before it is done, and at every moment the table says,
 * with the mailboxes, who owns what. Only a block that the kernel is just handing out or taking back can be missing.
 *
 * A slot is a frame, a word of state, the tag of the canary, and a position in a mailbox.
 */
const PFN = 0;
const INFO = 1;
const TAG = 2;
const POSITION = 3;

// The word of state, from the lowest bit: order, flags, state, the CPU at the other end of the mailbox.
const ORDER_MASK = 0xf;
const FLAGS_MASK = 0xf0;
/** Allocated with __GFP_COMP. */
export const COMPOUND = 0x10;
/** Another CPU has a reference to the block, too. */
export const SHARED = 0x20;
const STATE_MASK = 0xf00;
/** The block is the CPU's, but the canary is not complete. */
const RAW = 0x100;
const HELD = 0x200;
/** On its way into a mailbox: it is there when the mailbox's tail is beyond the slot's position. */
const SENDING = 0x300;
/** On its way out of a mailbox: it is the CPU's when the mailbox's head is beyond the slot's position. */
const RECEIVING = 0x400;
/** The kernel is taking it back. */
const FREEING = 0x500;
const PEER_SHIFT = 16;

/** What the run has found wrong. */
export class StressFailure extends Error {
  override name = 'StressFailure';
}

/** Ends the run on all CPUs. */
export function failStress(control: StressControl, message: string): never {
  control.stop(STOP_AT_ONCE);
  throw new StressFailure(message);
}

/** A block that was on its way when a CPU died. */
export interface FlyingBlock {
  readonly cpu: number;
  readonly doing: 'allocating' | 'freeing';
  readonly order: number;
  /** 0 when it is not known. */
  readonly pfn: number;
}

/** The table of one CPU, as the CPU that works with it sees it. */
export class StressTable {
  readonly #i32: Int32Array;
  readonly #control: StressControl;
  readonly #base: number;
  /** The CPU whose table it is. */
  readonly cpu: number;

  constructor(control: StressControl, cpu: number) {
    this.#i32 = control.i32;
    this.#control = control;
    this.#base = control.table(cpu);
    this.cpu = cpu;
  }

  pfnOf(slot: number): number {
    return this.#i32[this.#at(slot) + PFN];
  }

  orderOf(slot: number): number {
    return this.#i32[this.#at(slot) + INFO] & ORDER_MASK;
  }

  /** COMPOUND and SHARED. */
  flagsOf(slot: number): number {
    return this.#i32[this.#at(slot) + INFO] & FLAGS_MASK;
  }

  tagOf(slot: number): number {
    return this.#i32[this.#at(slot) + TAG];
  }

  isEmpty(slot: number): boolean {
    return this.#i32[this.#at(slot) + INFO] === 0;
  }

  /** A block that has just been allocated. */
  enter(slot: number, pfn: number, order: number, flags: number, tag: number): void {
    const at = this.#at(slot);
    this.#i32[at + PFN] = pfn;
    this.#i32[at + TAG] = tag;
    this.#i32[at + INFO] = order | flags | RAW;
  }

  /** The canary of the block is complete. */
  hold(slot: number): void {
    const at = this.#at(slot) + INFO;
    this.#i32[at] = (this.#i32[at] & ~STATE_MASK) | HELD;
  }

  /** Another CPU will have a reference, too. */
  markShared(slot: number): void {
    this.#i32[this.#at(slot) + INFO] |= SHARED;
  }

  /** Checks the canary of a block that is held. */
  verify(k: Kernel, slot: number): void {
    const pfn = this.pfnOf(slot);
    const order = this.orderOf(slot);
    const tag = this.tagOf(slot);
    const fault = checkCanary(k.i32, frameWord(k, pfn), pfn, order, tag);
    if (fault === undefined) return;
    failStress(
      this.#control,
      `canary broken: ${describeCanaryFault(fault)}, in block ${tag & 0xffffff} of CPU ${tag >>> 24}: ` +
        `pfn 0x${pfn.toString(16)}, order ${order}`,
    );
  }

  /** Gives a block back by a function of the kernel; the slot is empty afterwards. */
  release(slot: number, free: (pfn: number, order: number, flags: number) => void): void {
    const at = this.#at(slot);
    const info = this.#i32[at + INFO];
    this.#i32[at + INFO] = (info & ~STATE_MASK) | FREEING;
    free(this.#i32[at + PFN], info & ORDER_MASK, info & FLAGS_MASK);
    this.#i32[at + INFO] = 0;
  }

  /**
   * Puts a block into the mailbox to another CPU; the slot is empty afterwards.
   *
   * @returns false when the mailbox is full: nothing has happened
   */
  send(slot: number, to: number): boolean {
    const mail = this.#control.mail(this.cpu, to);
    const tail = this.#i32[mail + MAIL_TAIL];
    if (this.#isFull(mail, tail)) return false;
    const at = this.#at(slot);
    const info = this.#i32[at + INFO];
    this.#i32[at + POSITION] = tail;
    this.#i32[at + INFO] = (info & ~STATE_MASK) | SENDING | (to << PEER_SHIFT);
    this.#post(mail, tail, slot, info);
    this.#i32[at + INFO] = 0;
    return true;
  }

  /** Whether a copy of a block can be put into the mailbox to another CPU right now. */
  canSend(to: number): boolean {
    const mail = this.#control.mail(this.cpu, to);
    return !this.#isFull(mail, this.#i32[mail + MAIL_TAIL]);
  }

  /** Puts a second reference to a block, which the caller has taken, into the mailbox to another CPU with room. */
  sendCopy(slot: number, to: number): void {
    const mail = this.#control.mail(this.cpu, to);
    this.#post(mail, this.#i32[mail + MAIL_TAIL], slot, this.#i32[this.#at(slot) + INFO]);
  }

  #isFull(mail: number, tail: number): boolean {
    return tail - Atomics.load(this.#i32, mail + MAIL_HEAD) >= this.#control.mailSlots;
  }

  #post(mail: number, tail: number, slot: number, info: number): void {
    const entry = this.#control.mailEntry(mail, tail);
    this.#i32[entry + PFN] = this.pfnOf(slot);
    this.#i32[entry + INFO] = info & (ORDER_MASK | FLAGS_MASK);
    this.#i32[entry + TAG] = this.tagOf(slot);
    Atomics.store(this.#i32, mail + MAIL_TAIL, tail + 1);
  }

  /** Whether a mailbox from another CPU has anything. */
  hasMail(from: number): boolean {
    const mail = this.#control.mail(from, this.cpu);
    return Atomics.load(this.#i32, mail + MAIL_TAIL) !== this.#i32[mail + MAIL_HEAD];
  }

  /** Takes a block from a mailbox that has one, into an empty slot. */
  receive(slot: number, from: number): void {
    const mail = this.#control.mail(from, this.cpu);
    const head = this.#i32[mail + MAIL_HEAD];
    const entry = this.#control.mailEntry(mail, head);
    const info = this.#i32[entry + INFO];
    const at = this.#at(slot);
    this.#i32[at + PFN] = this.#i32[entry + PFN];
    this.#i32[at + TAG] = this.#i32[entry + TAG];
    this.#i32[at + POSITION] = head;
    this.#i32[at + INFO] = info | RECEIVING | (from << PEER_SHIFT);
    Atomics.store(this.#i32, mail + MAIL_HEAD, head + 1);
    this.#i32[at + INFO] = info | HELD;
  }

  /**
   * Frees what a dead CPU, or one whose function has ended, has left in its table.
   *
   * @param free gives a block back to the kernel
   * @returns how many blocks there were
   */
  salvage(k: Kernel, free: (pfn: number, order: number, flags: number) => void): number {
    let blocks = 0;
    for (let slot = 0; slot < this.#control.slots; slot++) {
      const state = this.#settledState(slot);
      if (state === 0) continue;
      if (state === HELD) this.verify(k, slot);
      this.release(slot, free);
      blocks++;
    }
    return blocks;
  }

  /** RAW, HELD, or 0 when the slot holds no block; a slot whose block has gone elsewhere is emptied. */
  #settledState(slot: number): number {
    const at = this.#at(slot);
    const info = this.#i32[at + INFO];
    const peer = info >>> PEER_SHIFT;
    switch (info & STATE_MASK) {
      case RAW:
        return RAW;
      case HELD:
        return HELD;
      case SENDING: {
        const sent = this.#i32[this.#control.mail(this.cpu, peer) + MAIL_TAIL] !== this.#i32[at + POSITION];
        return sent ? this.#empty(at) : HELD;
      }
      case RECEIVING: {
        const got = this.#i32[this.#control.mail(peer, this.cpu) + MAIL_HEAD] !== this.#i32[at + POSITION];
        return got ? HELD : this.#empty(at);
      }
      default:
        return this.#empty(at);
    }
  }

  #empty(at: number): 0 {
    this.#i32[at + INFO] = 0;
    return 0;
  }

  /** The blocks that the kernel was taking back when the CPU that works with the table died. */
  flying(cpu: number): FlyingBlock[] {
    const blocks: FlyingBlock[] = [];
    for (let slot = 0; slot < this.#control.slots; slot++) {
      if ((this.#i32[this.#at(slot) + INFO] & STATE_MASK) !== FREEING) continue;
      blocks.push({ cpu, doing: 'freeing', order: this.orderOf(slot), pfn: this.pfnOf(slot) });
    }
    return blocks;
  }

  #at(slot: number): number {
    return this.#base + slot * SLOT_WORDS;
  }
}

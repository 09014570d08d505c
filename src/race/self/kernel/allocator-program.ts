import type { Kernel } from '../../../kernel/kernel.js';
import { GFP_KERNEL } from '../../../kernel/mm/gfp.js';
import type { MachineScenario, SourcePatch } from '../../scenario.js';
import { oneZone } from './machines.js';
import { expectMemory, noteFreePages } from './memory-check.js';
import { givePages, setHotLists, takePages } from './pages.js';
import { scratchLine } from './scratch.js';

/** A program of operations on the page allocator for each CPU, as property-based tests make them up. */

/**
 * What a CPU does next. Each CPU has slots of its own for its blocks. `alloc` into a full slot and `free` of an empty one
 * do nothing, so that every part of a program is a program.
 */
export type AllocatorOperation =
  | { readonly do: 'alloc'; readonly slot: number; readonly order: number }
  | { readonly do: 'free'; readonly slot: number }
  /** Exchanges the slot with a box that all CPUs share: so blocks are freed by others than who allocated them. */
  | { readonly do: 'exchange'; readonly slot: number; readonly box: number }
  /** Empties the page lists of all CPUs. */
  | { readonly do: 'drain' };

/** The operations of each CPU. */
export type AllocatorProgram = readonly (readonly AllocatorOperation[])[];

/** Slots of a CPU, and boxes. */
export const SLOTS = 3;
export const BOXES = 2;

/** A box holds the frame of a block, with its order above. */
const BOX = scratchLine(50);
const ORDER_SHIFT = 24;
/** What a block is marked with while it has an owner. */
const MARK = 0x600d;
/** Pages that a page list holds at most, and a batch: so small that programs reach both. */
const HIGH = 3;
const BATCH = 2;

/** The program as a scenario: no page is lost, handed out twice, or written by two owners. */
export function allocatorScenario(
  program: AllocatorProgram,
  patches: readonly SourcePatch[] = [],
): MachineScenario {
  const threads: ((k: Kernel) => void)[] = [];
  for (const operations of program) threads.push((k) => runOperations(k, operations));
  return {
    name: `allocator program: ${programText(program)}`,
    machine: oneZone(Math.max(1, program.length)),
    setup: (k) => {
      setHotLists(k, HIGH, BATCH);
      noteFreePages(k);
    },
    threads,
    final: (k) => {
      for (let box = 0; box < BOXES; box++) freeBlock(k, k.i32[BOX + box]);
      expectMemory(k);
    },
    patches,
  };
}

/** One line that says all of a program: `alloc 0/2 free 0 | drain` for two CPUs. */
export function programText(program: AllocatorProgram): string {
  const cpus: string[] = [];
  for (const operations of program) {
    const words: string[] = [];
    for (const operation of operations) words.push(operationText(operation));
    cpus.push(words.join(' '));
  }
  return cpus.join(' | ');
}

function operationText(operation: AllocatorOperation): string {
  switch (operation.do) {
    case 'alloc':
      return `alloc ${operation.slot}/${operation.order}`;
    case 'free':
      return `free ${operation.slot}`;
    case 'exchange':
      return `exchange ${operation.slot}/${operation.box}`;
    case 'drain':
      return 'drain';
  }
}

function runOperations(k: Kernel, operations: readonly AllocatorOperation[]): void {
  const slots = [0, 0, 0];
  for (const operation of operations) runOperation(k, slots, operation);
  for (const block of slots) freeBlock(k, block);
}

function runOperation(k: Kernel, slots: number[], operation: AllocatorOperation): void {
  switch (operation.do) {
    case 'alloc':
      if (slots[operation.slot] === 0) slots[operation.slot] = takeBlock(k, operation.order);
      break;
    case 'free':
      freeBlock(k, slots[operation.slot]);
      slots[operation.slot] = 0;
      break;
    case 'exchange':
      slots[operation.slot] = Atomics.exchange(k.i32, BOX + operation.box, slots[operation.slot]);
      break;
    case 'drain':
      k.drain_all_pages();
      break;
  }
}

function takeBlock(k: Kernel, order: number): number {
  return k.virt_to_page(takePages(k, GFP_KERNEL, order, MARK)) | (order << ORDER_SHIFT);
}

function freeBlock(k: Kernel, block: number): void {
  if (block === 0) return;
  givePages(k, k.page_address(block & ((1 << ORDER_SHIFT) - 1)), block >>> ORDER_SHIFT, MARK);
}

import type { Kernel } from '../../../kernel/kernel.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/**
 * The seqlock: readers never believe two words that do not belong together. What they read while somebody writes is a
 * race by design, so the words are atomic ones.
 */

const LOCK = scratchLine(0);
const LEFT = scratchLine(1);
const RIGHT = scratchLine(2);

function write(k: Kernel): void {
  k.write_seqlock(LOCK);
  // Two steps: whoever writes at the same time loses the other's.
  const value = k.atomic_read(LEFT) + 1;
  k.atomic_set(LEFT, value);
  k.atomic_set(RIGHT, value);
  k.write_sequnlock(LOCK);
}

function read(k: Kernel): void {
  let sequence: number;
  let left: number;
  let right: number;
  do {
    sequence = k.read_seqbegin(LOCK);
    left = k.atomic_read(LEFT);
    right = k.atomic_read(RIGHT);
  } while (k.read_seqretry(LOCK, sequence));
  expectValue('the right word', right, left);
}

const FILE = 'kernel/sync/seqlock';

const pair = kernelPart(
  scenario({
    name: 'kernel: two writers and a reader of a seqlock',
    machine: oneZone(3),
    threads: [write, write, read],
    // Readers are not woken: while somebody writes they look again every millisecond.
    ignore: ['lost-wakeup'],
    final: (k) => expectValue('the right word', k.i32[RIGHT], 2),
  }),
  {
    'a reader never reads again': {
      kinds: ['assertion'],
      patches: [{ file: FILE, find: 'readOnce(k, s) !== start', replace: 'start < 0' }],
    },
    'a reader reads while somebody writes': {
      kinds: ['assertion'],
      patches: [
        { file: FILE, find: 'BUG_ON(k, lockOwner(', replace: 'return sequence; BUG_ON(k, lockOwner(' },
      ],
    },
    'writers do not exclude one another': {
      kinds: ['assertion', 'livelock', 'deadlock'],
      patches: [
        { file: FILE, find: 'spin_lock(k, sl + LOCK);', replace: '' },
        { file: FILE, find: 'spin_unlock(k, sl + LOCK);', replace: '' },
      ],
    },
  },
);

export const SEQLOCK_PARTS: readonly KernelPart[] = [pair];

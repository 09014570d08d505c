import type { Kernel } from '../../../kernel/kernel.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_EXCLUSIVE, NOT_WOKEN, SLEEP_AT_ONCE, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** The rwlock with its real code: writers change two words that readers always find equal. */

const LOCK = scratchLine(0);
const LEFT = scratchLine(1);
const RIGHT = scratchLine(2);

function write(k: Kernel): void {
  k.write_lock(LOCK);
  k.i32[LEFT]++;
  k.i32[RIGHT]++;
  k.write_unlock(LOCK);
}

function read(k: Kernel): void {
  k.read_lock(LOCK);
  expectValue('the right word', k.i32[RIGHT], k.i32[LEFT]);
  k.read_unlock(LOCK);
}

const FAST = 'kernel/sync/rwlock';
const SLOW = 'kernel/sync/rwlock-wait';

const twoWriters = kernelPart(
  scenario({
    name: 'kernel: two writers and a reader of a rwlock',
    machine: oneZone(3),
    realLocks: true,
    patches: [SLEEP_AT_ONCE],
    threads: [write, write, read],
    final: (k) => expectValue('the left word', k.i32[LEFT], 2),
  }),
  {
    'a reader comes in while somebody writes': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: FAST, find: '(value & OWNER_MASK) !== 0', replace: 'value < 0' }],
    },
    'a reader that was outrun does not look again': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: SLOW, find: 'while ((value & OWNER_MASK) === 0)', replace: 'while (value >= 0)' }],
    },
    'a writer comes in while others are there': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: SLOW, find: '(value & ~CONTENDED) === 0', replace: 'value >= 0' }],
    },
    'the last reader wakes no writer': {
      kinds: NOT_WOKEN,
      patches: [{ file: FAST, find: 'value === CONTENDED', replace: 'value < 0' }],
    },
    'a waiting writer does not say that it sleeps': {
      kinds: NOT_WOKEN,
      patches: [
        { file: SLOW, find: 'const contended = value | CONTENDED;', replace: 'const contended = value;' },
      ],
    },
    'a waiting reader does not say that it sleeps': {
      kinds: NOT_WOKEN,
      patches: [
        { file: SLOW, find: 'const waiting = value | READERS_WAIT;', replace: 'const waiting = value;' },
      ],
    },
  },
);

const twoReaders = kernelPart(
  scenario({
    name: 'kernel: a writer and two readers of a rwlock',
    machine: oneZone(3),
    realLocks: true,
    patches: [SLEEP_AT_ONCE],
    threads: [write, read, read],
    final: (k) => expectValue('the left word', k.i32[LEFT], 1),
  }),
  {
    'the writer wakes one reader of two': {
      kinds: NOT_WOKEN,
      patches: [{ file: FAST, find: '(before & READERS_WAIT) !== 0 ? Infinity : 1', replace: '1' }],
    },
  },
);

export const RWLOCK_PARTS: readonly KernelPart[] = [twoWriters, twoReaders];

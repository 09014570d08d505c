import type { PageViolation } from './audit-violation-pages.js';
import type { SlabViolation } from './audit-violation-slab.js';
import type { TaskViolation } from './audit-violation-tasks.js';

/**
 * What the audit can find, as typed records: one kind for each rule. They hold plain values only, so they can be
 * sent, stored and compared; `describeViolation` says them in words.
 */

/** `cpu` is -1 when the word of the lock names none. */
interface LockHeld {
  readonly kind: 'lock-held';
  readonly lock: string;
  readonly cpu: number;
  readonly value: number;
}

interface CpuContext {
  readonly kind: 'cpu-context';
  readonly cpu: number;
  readonly field: 'locks_held' | 'preempt_count' | 'irqs_disabled';
  readonly value: number;
}

interface CpuState {
  readonly kind: 'cpu-state';
  readonly cpu: number;
  readonly state: number;
  readonly inOnlineMap: boolean;
}

interface CallPending {
  readonly kind: 'call-pending';
  readonly field: 'call_awaited' | 'call_todo';
  readonly value: number;
}

/** An event counter that no counting leads to; `value` is null when it is no finite number. */
interface Counter {
  readonly kind: 'counter';
  readonly field: string;
  readonly value: number | null;
}

interface NumaSums {
  readonly kind: 'numa-sums';
  readonly misses: number;
  readonly foreign: number;
}

/** Frames freed less frames allocated are not the free ones. Reported when nothing else explains it. */
interface PageEvents {
  readonly kind: 'page-events';
  readonly freed: number;
  readonly allocated: number;
  readonly free: number;
}

export type MismatchKind = 'zone-field' | 'node-field' | 'zone-table' | 'section' | 'total' | 'cache-field';

/** A table or a sum that repeats what stands elsewhere, and does not agree with it. */
interface Mismatch<Kind extends MismatchKind> {
  readonly kind: Kind;
  /** Where: `node 0, zone DMA, present_pages`. */
  readonly field: string;
  readonly stored: number;
  readonly expected: number;
}

/** Something that the audit itself needs to find its way cannot be right; what hangs on it was not looked at. */
interface Structure {
  readonly kind: 'structure';
  readonly field: string;
  readonly value: number;
  readonly problem: string;
}

export type Violation =
  | PageViolation
  | TaskViolation
  | SlabViolation
  | LockHeld
  | CpuContext
  | CpuState
  | CallPending
  | Counter
  | NumaSums
  | PageEvents
  | Mismatch<'zone-field'>
  | Mismatch<'node-field'>
  | Mismatch<'zone-table'>
  | Mismatch<'section'>
  | Mismatch<'total'>
  | Mismatch<'cache-field'>
  | Structure;

export type ViolationKind = Violation['kind'];

/** The violations of one kind. */
export type ViolationOf<Kind extends ViolationKind> = Extract<Violation, { readonly kind: Kind }>;

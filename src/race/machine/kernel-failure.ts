import type { FailureKind } from '../engine/failure.js';

/** What reports of the kernel mean; the first that fits. */
const MEANINGS: readonly (readonly [pattern: RegExp, kind: FailureKind])[] = [
  [/sleeping function called from invalid context/, 'sleep-in-atomic'],
  [/circular locking dependency/, 'lock-order'],
  [/(spinlock|rwlock) recursion|lockup|has not answered an inter-processor interrupt/, 'deadlock'],
  [/spinlock (wrong owner|already unlocked)|rwlock \w+_unlock: /, 'unlock-not-owner'],
  [/get_page: page has no reference/, 'use-after-free'],
  [/page has no reference|is already free|freed twice/, 'double-free'],
  [/Unable to handle kernel/, 'out-of-bounds'],
];

/** The kind of failure that a report or an exception of the kernel is. */
export function kindOfReport(text: string): FailureKind {
  return MEANINGS.find(([pattern]) => pattern.test(text))?.[1] ?? 'assertion';
}

/** The line of a report that says what happened. */
export function causeOfReport(text: string): string {
  const lines = text.split('\n').filter((line) => !/^(-+\[|=+$)/.test(line));
  return (lines[0] ?? text).replace(/^kernel BUG: /, '');
}

import type { Thread } from './self-check.js';

/** The threads 0 to `count - 1` of a scenario in which each does the same, knowing its number. */
export function threads(count: number, make: (me: number) => Thread): Thread[] {
  const made: Thread[] = [];
  for (let me = 0; me < count; me++) made.push(make(me));
  return made;
}

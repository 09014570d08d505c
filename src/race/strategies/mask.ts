/** Sets of threads: bit t stands for thread t. */

/** The lowest thread of a set that is not empty. */
export function lowest(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

/** How many threads are in a set. */
export function sizeOfMask(mask: number): number {
  let rest = mask;
  let size = 0;
  while (rest !== 0) {
    rest &= rest - 1;
    size++;
  }
  return size;
}

/** The thread of a set that has `index` others below it. */
export function nth(mask: number, index: number): number {
  let rest = mask;
  for (let i = 0; i < index; i++) rest &= rest - 1;
  return lowest(rest);
}

export function has(mask: number, thread: number): boolean {
  return ((mask >>> thread) & 1) !== 0;
}

/** The thread that went on last if it can, else the lowest one: fewest switches, and the same on every host. */
export function staying(current: number, enabled: number): number {
  return current >= 0 && has(enabled, current) ? current : lowest(enabled);
}

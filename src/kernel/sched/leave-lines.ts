import type { Cpu } from '../core/cpu.js';
import { MAX_WAITS } from '../core/limits.js';
import { TASK, WAIT_ENTRY } from '../core/task-struct.js';
import { spin_unlock_irqrestore } from '../sync/spinlock.js';
import { wakeNext } from './mutex.js';
import { passOn } from './semaphore.js';
import {
  ANY_SLEEP,
  freeEntry,
  leaveLine,
  LINE_GRANTED,
  LINE_MUTEX,
  lockLine,
  wakeLine,
  WQ_FLAG_WOKEN,
} from './wait-line.js';

/**
 * Takes a task that goes no further out of all lines in which it waits, and gives on to others what had been given to it and
 * not been taken: a semaphore, or the turn of a wake-up. Of the running task, or one whose thread is dead, any thread.
 *
 * @returns how many lines that were
 * @throws WaitGivenUp when it must be done again
 */
export function leaveLines(k: Cpu, task: number): number {
  const { i32 } = k;
  let count = 0;
  for (let i = 0; i < MAX_WAITS; i++) {
    const entry = task + TASK.at.waits + i * WAIT_ENTRY.words;
    const line = i32[entry + WAIT_ENTRY.at.head];
    if (line > 0) {
      giveUpPlace(k, line, entry);
      count++;
    }
    freeEntry(k, entry);
  }
  return count;
}

function giveUpPlace(k: Cpu, line: number, entry: number): void {
  const flags = lockLine(k, line);
  leaveLine(k, entry);
  const kind = k.i32[entry + WAIT_ENTRY.at.flags];
  if ((kind & LINE_MUTEX) !== 0) wakeNext(k, line);
  else if ((kind & LINE_GRANTED) !== 0) passOn(k, line);
  else if ((kind & WQ_FLAG_WOKEN) !== 0) wakeLine(k, line, ANY_SLEEP, 1);
  // Once only, should this be done again.
  k.i32[entry + WAIT_ENTRY.at.flags] = 0;
  spin_unlock_irqrestore(k, line, flags);
}

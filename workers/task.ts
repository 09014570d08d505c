import type { Outcome } from '../src/machine/outcome.js';
import { runTaskThread, type TaskStart } from '../src/machine/task-thread.js';

/** The thread of a task: its kernel stack. One Piscina task lasts as long as the task does. */
export default function taskThread(start: TaskStart): Promise<Outcome> {
  return runTaskThread(start);
}

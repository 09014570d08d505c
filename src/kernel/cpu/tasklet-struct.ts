import { double, struct, word } from '../../image/struct.js';

/** `struct tasklet_struct`. */
export const TASKLET = struct('tasklet_struct', {
  /** The next tasklet of the list. Under the list's lock. */
  next: word,
  /** TASKLET_STATE_SCHED or 0. Atomics: set and cleared under the lock of the list, but for tasklet_kill. Waited on. */
  state: word,
  /** The CPU that runs it, plus 1; 0: none (the kernel's TASKLET_STATE_RUN). Atomics. Waited on. */
  run: word,
  /** How often it was disabled. Atomics. */
  count: word,
  /** The CPU and the list that it is scheduled on. Changed under the list's lock by Atomics. */
  cpu: word,
  list: word,
  /** Symbol number of its function, and the argument. Constant from tasklet_init on. */
  func: word,
  data: double,
});

/** It is in a list. */
export const TASKLET_STATE_SCHED = 1;

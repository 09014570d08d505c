import type { ThreadHost } from '../../src/machine/threads-platform.js';

/** The host of a thread that is alone: no report is expected of it, and no further thread. */
export const loneHost: ThreadHost = {
  report: (text) => {
    throw new Error(text);
  },
  startThread: (task) => {
    throw new Error(`there is no thread for task ${task}`);
  },
  loading: (load) => load(),
};

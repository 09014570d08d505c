import { KERNEL, SYSTEM_RUNNING } from '../kernel/core/kernel-data.js';
import { asleepSince, hungTaskReport, uninterruptibleTasks } from '../kernel/debug/hung-tasks.js';
import type { Kernel } from '../kernel/kernel.js';
import { reportFromWatch } from './watch-report.js';

/** How many times the watch looks while a task becomes a hung one: it is reported that much late at most. */
const LOOKS_PER_LIMIT = 4;

/** A task that sleeps: since when, and how often it was reported. */
interface Sleep {
  readonly since: number;
  reports: number;
}

/**
 * Reports tasks that sleep for too long while nothing can interrupt them, as khungtaskd does. It looks so seldom that it
 * costs nothing, and keeps no process from ending.
 */
export class HungTaskWatch {
  readonly #k: Kernel;
  readonly #limit: number;
  /** Tasks that were reported. */
  #sleeps = new Map<number, Sleep>();
  #timer: NodeJS.Timeout | undefined;

  /** @param k the console */
  constructor(k: Kernel) {
    this.#k = k;
    this.#limit = k.i32[KERNEL.hung_task_ms];
  }

  start(): void {
    const pause = Math.max(1, Math.floor(this.#limit / LOOKS_PER_LIMIT));
    this.#timer = setInterval(() => {
      this.#look();
    }, pause).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Each sleep is reported after the limit, and again each time as long. */
  #look(): void {
    const k = this.#k;
    // Of a machine that has panicked, nobody wonders why it hangs.
    if (Atomics.load(k.i32, KERNEL.system_state) !== SYSTEM_RUNNING) return;
    const now = k.platform.now();
    const sleeps = new Map<number, Sleep>();
    for (const task of uninterruptibleTasks(k)) {
      const since = asleepSince(k, task);
      if (now - since < this.#limit) continue;
      const before = this.#sleeps.get(task);
      const sleep = before?.since === since ? before : { since, reports: 0 };
      sleeps.set(task, sleep);
      if (now - since < this.#limit * (sleep.reports + 1)) continue;
      sleep.reports = Math.floor((now - since) / this.#limit);
      reportFromWatch(k, hungTaskReport(k, task, sleep.reports * this.#limit));
    }
    this.#sleeps = sleeps;
  }
}

import { Piscina } from 'piscina';
import { Pulse } from './pulse.js';
import type { Unit, UnitAnswer } from './unit.js';

/** How often the host looks whether its threads are alive (milliseconds). */
const LOOK_MS = 500;
/** How long a thread may be without a beat: an execution, or the loading of a file, takes no such time (milliseconds). */
const STALL_MS = 30_000;
/** How long an idle thread is kept for the next unit (milliseconds). */
const IDLE_MS = 10_000;

/** A unit under way. */
interface Watched {
  readonly pulse: Pulse;
  readonly abort: AbortController;
  beats: number;
  /** When the number of beats changed; undefined while the unit waits for a thread. */
  since: number | undefined;
}

/** The threads of a campaign. Each call of {@link run} is answered, whatever the code does that is explored. */
export class ExplorePool {
  readonly jobs: number;
  readonly #pool: Piscina;
  readonly #stallMs: number;
  readonly #watched = new Set<Watched>();
  readonly #timer: NodeJS.Timeout;

  /**
   * @param jobs threads at most
   * @param stallMs a unit without a sign of life for so long is given up, and its thread is ended
   */
  constructor(jobs: number, stallMs = STALL_MS) {
    this.jobs = jobs;
    this.#stallMs = stallMs;
    this.#pool = new Piscina<Unit, UnitAnswer>({
      filename: new URL('../../../workers/explore.js', import.meta.url).href,
      // A thread starts when there is work for it. Node aborts when a thread is ended that is still loading its modules.
      minThreads: 0,
      maxThreads: jobs,
      concurrentTasksPerWorker: 1,
      idleTimeout: IDLE_MS,
      // An exploration lets the event loop of its thread run; between units there is no hurry.
      atomics: 'disabled',
    });
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Has a unit done. A thread that dies or makes no progress is a crash. */
  async run(unit: Omit<Unit, 'pulse'>, pulse = new Pulse()): Promise<UnitAnswer> {
    const watched: Watched = { pulse, abort: new AbortController(), beats: 0, since: undefined };
    this.#watched.add(watched);
    try {
      const { signal } = watched.abort;
      return (await this.#pool.run({ ...unit, pulse: pulse.words }, { signal })) as UnitAnswer;
    } catch (error) {
      return { kind: 'crashed', message: this.#causeOf(error, watched) };
    } finally {
      this.#watched.delete(watched);
    }
  }

  /** Ends all threads. Units that are not done are answered as crashed. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#pool.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #look(): void {
    const now = performance.now();
    for (const watched of this.#watched) {
      const { pulse } = watched;
      if (!pulse.started) continue;
      if (watched.since === undefined || watched.beats !== pulse.beats) {
        watched.beats = pulse.beats;
        watched.since = now;
      } else if (now - watched.since >= this.#stallMs) {
        // Piscina ends the thread of a task that is given up.
        watched.abort.abort();
      }
    }
  }

  #causeOf(error: unknown, { abort }: Watched): string {
    if (abort.signal.aborted) {
      return (
        `nothing has happened for ${this.#stallMs / 1000} seconds: maybe a loop that touches no shared memory ` +
        'goes on for ever'
      );
    }
    return `its thread has ended: ${error instanceof Error ? error.message : String(error)}`;
  }
}

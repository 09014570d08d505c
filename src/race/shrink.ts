import type { Execution, Explorer } from './explorer.js';
import { stepsOf } from './explorer.js';
import type { Schedule, Segment } from './engine/schedule.js';

/** Replays that shrinking may take: enough for any schedule that a person would read. */
const MAX_REPLAYS = 2000;

/**
 * Makes a failing schedule as simple as it can: fewest switches, then fewest operations, then fewest threads, with the
 * same kind of failure. Each attempt changes the schedule and replays it, going on somehow where it does not fit; what
 * was then really executed is the new schedule.
 *
 * @returns the simplest failing execution that was found
 */
export function shrink(explorer: Explorer, failing: Execution): Execution {
  const kind = failing.failure?.kind;
  let best = failing;
  let replays = 0;
  for (let improved = true; improved && replays < MAX_REPLAYS;) {
    improved = false;
    for (const candidate of candidates(best.schedule)) {
      if (++replays > MAX_REPLAYS) break;
      const execution = explorer.replay(candidate);
      if (execution.failure?.kind !== kind || !isSimpler(execution.schedule, best.schedule)) continue;
      best = execution;
      improved = true;
      break;
    }
  }
  return best;
}

/** Schedules that are a little simpler, if they can be executed at all. */
function* candidates({ segments, numbers }: Schedule): Generator<Schedule, void, undefined> {
  const threads = new Set(segments.map(({ thread }) => thread));
  for (const left of threads) {
    yield { segments: joined(segments.filter(({ thread }) => thread !== left)), numbers };
  }
  for (let i = 0; i < segments.length; i++) yield { segments: joined(segments.toSpliced(i, 1)), numbers };
  // A segment joins the next or the last one of its thread.
  for (let i = 0; i < segments.length; i++) {
    const moved = segments.toSpliced(i, 1);
    const later = moved.findIndex(({ thread }, at) => at >= i && thread === segments[i].thread);
    if (later > i) yield { segments: joined(moved.toSpliced(later, 0, segments[i])), numbers };
    const before = moved.slice(0, i).findLastIndex(({ thread }) => thread === segments[i].thread);
    if (before >= 0) yield { segments: joined(moved.toSpliced(before + 1, 0, segments[i])), numbers };
  }
  for (let i = 0; i < numbers.length; i++)
    if (numbers[i] !== 0) yield { segments, numbers: numbers.with(i, 0) };
  // The end of a segment moves: a switch a little earlier.
  for (let i = 0; i + 1 < segments.length; i++) {
    const { thread, steps } = segments[i];
    for (const shorter of new Set([1, steps >> 1, steps - 1])) {
      if (shorter >= 1 && shorter < steps)
        yield { segments: segments.with(i, { thread, steps: shorter }), numbers };
    }
  }
}

/** Without empty segments, neighbours of one thread put together. */
function joined(segments: readonly Segment[]): Segment[] {
  const result: Segment[] = [];
  for (const segment of segments) {
    const last = result.at(-1);
    if (last?.thread === segment.thread) {
      result[result.length - 1] = { thread: last.thread, steps: last.steps + segment.steps };
    } else {
      result.push(segment);
    }
  }
  return result;
}

function isSimpler(a: Schedule, b: Schedule): boolean {
  const [x, y] = [a, b].map(({ segments, numbers }) => [
    segments.length,
    stepsOf(segments),
    new Set(segments.map(({ thread }) => thread)).size,
    numbers.filter((n) => n !== 0).length,
  ]);
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return x[i] < y[i];
  return false;
}

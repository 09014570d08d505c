import type { ObjectStressResult } from '../lab/object-stress-result.js';
import { amount, count, rate } from './render-number.js';
import { endLines, faultLine, noticeLines, table } from './render-stress.js';

/** What a stress run of objects has found, without the verdict. */
export function objectStressText(result: ObjectStressResult): string {
  const { counters, elapsedSeconds, operationsPerSecond, tasks, inFlight, faults, notices } = result;
  const { operations, ...others } = counters;
  const done = Object.entries(others).filter(([, times]) => times > 0);
  return [
    table([
      ['operation', ...done.map(([name]) => name)],
      ['times', ...done.map(([, times]) => count(times))],
    ]),
    '',
    `${count(operations)} operations of ${tasks} tasks in ${elapsedSeconds.toFixed(1)} s, ${rate(operationsPerSecond)}`,
    '',
    ...faults.map(faultLine),
    ...noticeLines(notices),
    ...(inFlight === 0 ? [] : [`lost    ${amount(inFlight, 'object')} on the way when a task died`]),
    ...endLines(result),
  ].join('\n');
}

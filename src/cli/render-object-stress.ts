import type { ObjectStressFailureResult, ObjectStressResult } from '../lab/object-stress-result.js';
import { auditText } from './render-audit.js';
import { amount, count, rate } from './render-number.js';
import { faultLine, noticeLines, table } from './render-stress.js';

/** What a stress run of objects has found, without the verdict. */
export function objectStressText(result: ObjectStressResult): string {
  const { counters, elapsedSeconds, operationsPerSecond, tasks, inFlight, pages, faults, notices, audit } =
    result;
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
    ...(pages === undefined
      ? []
      : [`pages   ${count(pages.before)} free before, ${count(pages.after)} after`]),
    audit === undefined ? 'audit   none: the machine has stopped' : auditText(audit),
  ].join('\n');
}

/** What went wrong. */
export function objectFailureText({ kind, message, report }: ObjectStressFailureResult): string {
  return [`${kind}: ${message}`, ...(report === undefined ? [] : [report])].join('\n\n');
}

import type { TaskStressFailureResult, TaskStressResult } from '../lab/task-stress-result.js';
import { count, rate } from './render-number.js';
import { endLines, faultLine, firstFailureText, noticeLines, table } from './render-stress.js';

/** What a stress run of tasks has found, without the verdict. */
export function taskStressText(result: TaskStressResult): string {
  const { elapsedSeconds, operationsPerSecond, operations, total, switches, interrupts, unplugged } = result;
  const { tasks, faults, notices } = result;
  return [
    table([
      ['operation', ...Object.keys(operations)],
      ['times', ...Object.values(operations).map(count)],
    ]),
    '',
    `${count(total)} operations of ${tasks} tasks in ${elapsedSeconds.toFixed(1)} s, ${rate(operationsPerSecond)}`,
    '',
    counterTable(result),
    '',
    `switches   ${count(switches.voluntary)} voluntary, ${count(switches.involuntary)} involuntary, ` +
      `${count(switches.moves)} to another CPU`,
    `interrupts ${count(interrupts.raised)} raised, ${count(interrupts.served)} served: those raised meanwhile are one`,
    `unplugged  ${count(unplugged.done)} times a CPU` +
      (unplugged.refused === 0 ? '' : `, ${count(unplugged.refused)} times refused`),
    ...faults.map(faultLine),
    ...noticeLines(notices),
    ...endLines(result),
  ].join('\n');
}

function counterTable({ counters }: TaskStressResult): string {
  if (counters.length === 0) return 'counters: not read';
  return table([
    ['counted under', 'wanted', 'counted'],
    ...counters.map(({ name, least, most, counted }) => [
      name,
      least === most ? count(least) : `${count(least)} to ${count(most)}`,
      count(counted),
    ]),
  ]);
}

/** What went wrong, with all that helps to understand it. */
export function taskFailureText(failure: TaskStressFailureResult): string {
  const tasks = failure.tasks.map((line) => `  ${line}`).join('\n');
  return `${firstFailureText(failure)}\n\ntasks:\n${tasks}`;
}

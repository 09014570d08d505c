import type { Job, JobOutcome } from '../race/campaign/explore-job.js';
import { expectation, type SelfCheck } from '../race/campaign/self-suite.js';
import type { Trace } from '../race/engine/failure.js';
import { renderHtml } from '../race/report/html-report.js';
import { summaryLine } from '../race/report/summary.js';
import { renderTrace } from '../race/report/text-report.js';
import type { SeedResult } from '../race/campaign/seed-line.js';
import { verdict } from './output.js';
import { amount, count } from './render-number.js';

/** A scenario that was explored. */
export interface Checked {
  readonly job: Job;
  readonly outcome: JobOutcome;
  /** The command that explores just this scenario. */
  readonly command: string;
}

/** A check of the explorer's own suite. */
export interface SelfChecked extends Checked {
  readonly check: SelfCheck;
  readonly ok: boolean;
}

/** The line about a scenario. */
export function checkedLine({ job, outcome }: Checked, nameWidth: number): string {
  if (outcome.result !== undefined) return summaryLine(outcome.result, { nameWidth });
  return `FAIL  ${job.scenario.padEnd(nameWidth)}  crashed`;
}

/** The report of a failure, with the command that replays it; of a crash, what is known. Undefined for a pass. */
export function failureReport({ outcome, command }: Checked, full: boolean): string | undefined {
  if (outcome.crash !== undefined) return `crash: ${outcome.crash}\n`;
  if (outcome.trace !== undefined) return renderTrace(outcome.trace, { command, full });
  const { kind, message } = outcome.result;
  return kind === undefined ? undefined : `${kind}: ${message ?? ''}\n`;
}

export function failurePage(trace: Trace, command: string, full: boolean): string {
  return renderHtml(trace, { command, full });
}

/** What `--json` prints of a scenario: always these fields, null where there is nothing to say. */
export function checkedJson({ job, outcome }: Checked): Readonly<Record<string, unknown>> {
  const { result, crash } = outcome;
  return {
    name: job.scenario,
    verdict: result?.verdict ?? 'fail',
    kind: result?.kind ?? null,
    executions: result?.executions ?? 0,
    complete: result?.complete ?? false,
    executionsToFailure: result?.executionsToFailure ?? null,
    accesses: result?.accesses ?? 0,
    executionsPerSecond: result?.executionsPerSecond ?? 0,
    token: result?.token ?? null,
    message: result?.message ?? crash ?? null,
  };
}

/** Columns for what was found: names are long and come last. */
const FOUND_WIDTH = 'silent, 10,000 executions (complete)'.length;

/** The line about a check of the suite: whether what was expected happened. */
export function selfLine({ check, ok, outcome }: SelfChecked): string {
  const line = `${ok ? 'ok  ' : 'FAIL'}  ${foundText(outcome).padEnd(FOUND_WIDTH)}  ${check.scenario.name}`;
  return ok ? line : `${line}; expected: ${expectation(check)}`;
}

function foundText({ result }: JobOutcome): string {
  if (result === undefined) return 'crashed';
  const { verdict: found, kind, executions, executionsToFailure, complete } = result;
  if (found === 'fail') return `${kind ?? 'failure'} after ${count(executionsToFailure ?? executions)}`;
  return `silent, ${amount(executions, 'execution')}${complete ? ' (complete)' : ''}`;
}

export function selfJson(checked: SelfChecked): Readonly<Record<string, unknown>> {
  const { check, ok } = checked;
  return { ...checkedJson(checked), group: check.group, expected: expectation(check), ok };
}

/** The last line about several scenarios. */
export function totalLine(all: readonly Checked[]): string {
  const failed = all.filter(({ outcome }) => outcome.result?.verdict !== 'pass').length;
  const text = `${amount(all.length, 'scenario')}: ${count(all.length - failed)} passed, ${count(failed)} failed`;
  return verdict(failed === 0, text);
}

/** The last line about the suite. */
export function selfTotal(all: readonly SelfChecked[]): string {
  const bad = all.filter(({ ok }) => !ok).length;
  const text = bad === 0 ? 'all as expected' : `${count(bad)} not as expected`;
  return verdict(bad === 0, `${amount(all.length, 'check')}: ${text}`);
}

/** A line whose first word is a verdict, in colour. */
export function coloured(line: string): string {
  return line.replace(/^\w+/, (word) => verdict(word !== 'FAIL', word));
}

/** The line about a failure of a campaign. */
export function seedFailureLine({ name, seed, kind, message, token }: SeedResult, command: string): string {
  const cause = `${kind ?? 'crash'}: ${message ?? ''}`;
  const replay = token === null ? '' : `\n  replay: ${command} --replay ${token}`;
  return `${coloured('FAIL')}  ${name}, seed ${seed}: ${cause}${replay}`;
}

/** A word as a POSIX shell reads it. */
export function shellWord(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The command that explores one scenario, up to where `--replay` is added. */
export function checkCommand(file: string | undefined, scenario: string | undefined): string {
  return [
    'gfp check',
    ...(file === undefined ? ['--self'] : [shellWord(file)]),
    ...(scenario === undefined ? [] : [`--scenario ${shellWord(scenario)}`]),
  ].join(' ');
}

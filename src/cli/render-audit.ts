import { describeViolation } from '../kernel/debug/audit-describe.js';
import { type AuditReport } from '../kernel/debug/audit.js';
import { verdict } from './output.js';
import { amount, count } from './render-number.js';

/** Violations that are printed in words; --json has all that the audit kept. */
const MAX_PRINTED = 20;

/** What an audit found. */
export function auditText(report: AuditReport): string {
  const found = violationsOf(report);
  const { frames, zones, tasks, lists, listEntries } = report.checked;
  const looked = `${amount(frames, 'frame')}, ${amount(zones, 'zone')}, ${amount(tasks, 'task')}, ${amount(lists, 'list')} with ${amount(listEntries, 'entry', 'entries')}`;
  if (found === 0) return `audit   ${verdict(true, 'no violation')} in ${looked}`;
  const printed = report.violations
    .slice(0, MAX_PRINTED)
    .map((violation) => `  ${describeViolation(violation)}`);
  const more = found - printed.length;
  return [
    `audit   ${verdict(false, amount(found, 'violation'))} in ${looked}`,
    ...printed,
    ...(more > 0 ? [`  and ${count(more)} more`] : []),
  ].join('\n');
}

/** How many violations there are, those not kept included. */
export function violationsOf(report: AuditReport): number {
  return Object.values(report.omitted).reduce((sum, omitted) => sum + omitted, report.violations.length);
}

import type { BenchHost } from './bench-host.js';

/** What makes the numbers of a bench's row say less than those of others. */
interface DisturbedRow {
  /** Whether it had more CPUs than the host has cores. */
  readonly oversubscribed: boolean;
  /** Share of their cores that its CPUs had, from 0 to 1. */
  readonly coreShare: number;
}

/** A row whose CPUs had less of their cores than this is marked. */
const QUIET_SHARE = 0.9;

/** The marks of a row, to stand behind its number of CPUs. */
export function rowMarks({ oversubscribed, coreShare }: DisturbedRow): string {
  return `${oversubscribed ? '*' : ''}${coreShare < QUIET_SHARE ? '~' : ''}`;
}

/** A line below the table for each mark that stands in it. */
export function markNotes(rows: readonly DisturbedRow[], host: BenchHost): string[] {
  const marks = rows.map(rowMarks).join('');
  const notes: string[] = [];
  if (marks.includes('*')) notes.push(`* more CPUs than the ${host.cores} host cores: they take turns`);
  if (marks.includes('~')) {
    const percent = QUIET_SHARE * 100;
    notes.push(
      `~ less than ${percent} % of the cores: other work on this host, or CPUs that waited for each other`,
    );
  }
  return notes;
}

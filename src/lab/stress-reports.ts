/** A kill that a run has done. */
export interface Kill {
  /** As the kernel calls it: `CPU#1`, `task stress/3:12`. */
  readonly victim: string;
  /** Until the machine had dealt with it. */
  readonly milliseconds: number;
}

/** Reports of the kernel that a stress run expects: a death, and locks that are waited for on a busy host. */
const NOTICES = [
  /^(CPU#\d+|task .*): its thread died/,
  /^BUG: spinlock lockup/,
  /^BUG: lock held too long/,
  /^CPU#\d+ has not answered an inter-processor interrupt/,
];

/** Whether a report is no failure of the kernel's. */
export function isNotice(text: string): boolean {
  const title = reportTitle(text);
  return NOTICES.some((notice) => notice.test(title));
}

/** What a report says first. */
export function reportTitle(text: string): string {
  const lines = text.split('\n');
  const [first = ''] = lines;
  return first.startsWith('---') ? (lines[1] ?? first) : first;
}

/** The kill behind a panic: it names who died, and the lock that died, too. */
export function panicByKill(message: string, kills: readonly Kill[]): Kill | undefined {
  const match = /(CPU#\d+|task .*): its thread died .* and held /.exec(message);
  return match === null ? undefined : kills.findLast(({ victim }) => victim === match[1]);
}

/** A kill that a run has done. */
export interface Kill {
  readonly cpu: number;
  /** Until the machine had dealt with it. */
  readonly milliseconds: number;
}

/** Reports of the kernel that a stress run expects: a CPU's death, and locks that are waited for on a busy host. */
const NOTICES = [
  /^CPU#\d+: its thread died/,
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

/** The kill behind a panic: it names the CPU, and the lock that died with it. */
export function panicByKill(message: string, kills: readonly Kill[]): Kill | undefined {
  const match = /CPU#(\d+): its thread died .* and held /.exec(message);
  return match === null ? undefined : kills.findLast(({ cpu }) => cpu === Number(match[1]));
}

import { bootTargets } from './boot-targets.js';
import { pageTargets } from './page-targets.js';
import { stressTargets } from './stress-target.js';
import type { TargetBench } from './target.js';
import { traceTargets } from './trace-targets.js';

/** The benches, by name, in the order of the table. */
export const GROUPS = {
  pages: pageTargets,
  traces: traceTargets,
  boot: bootTargets,
  stress: stressTargets,
} as const satisfies Record<string, TargetBench>;

export type GroupName = keyof typeof GROUPS;

export const GROUP_NAMES = Object.keys(GROUPS) as readonly GroupName[];

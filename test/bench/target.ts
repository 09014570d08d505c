/** One thing that gfp promises, and what was measured. */
export interface Target {
  readonly name: string;
  readonly measured: string;
  readonly limit: string;
  /** undefined: it was not measured, and `measured` says why. */
  readonly met: boolean | undefined;
  /** What else helps to judge the number. */
  readonly note?: string;
}

/** How the targets are measured. */
export interface BenchSettings {
  /** Traces to read and replay. */
  readonly traces: readonly string[];
  /** Leave out what takes a minute. */
  readonly quick: boolean;
}

/** Measures some targets. */
export type TargetBench = (settings: BenchSettings) => Promise<Target[]>;

/** The middle one; of an even number the upper one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

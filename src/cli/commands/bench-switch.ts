import type { Command } from 'commander';
import {
  benchSwitch,
  IDLE_SAMPLE_SECONDS,
  SWITCH_BENCH_CPUS,
  SWITCH_BENCH_REPEATS,
  SWITCH_BENCH_ROUNDS,
} from '../../lab/switch-bench.js';
import type { Outcome } from '../output.js';
import { addTargetBench } from './bench-targets.js';

const EXAMPLE = 'Example: gfp bench switch --repeats 9\n';

const EXPLANATION = `
On a machine of ${SWITCH_BENCH_CPUS} CPUs: the time in which a CPU passes from one task to the next, each with a thread of its own; the
time from up() to the end of down() in another task; the same between two bare threads, which nothing can be faster
than; and the CPU time that the process takes in ${IDLE_SAMPLE_SECONDS} s with an idle machine, and without one. A sample is the median of ${SWITCH_BENCH_ROUNDS} rounds.
Medians of samples, smallest and largest, and what the median should be.

--json prints { host, settings, rows }:
  host      cpuModel, cores, node, platform
  settings  repeats, rounds, idleSampleSeconds
  rows      name, unit (s), median, min, max, target (null: none), met

Exit code: 0 measured, whether or not the targets are met, 1 something failed, 2 bad usage.`;

/** Adds `gfp bench switch`. */
export function addBenchSwitch(bench: Command, outcome: Outcome): void {
  addTargetBench(bench, outcome, {
    name: 'switch',
    description: 'Measure context switches between tasks, and what an idle machine costs.',
    example: EXAMPLE,
    explanation: EXPLANATION,
    repeats: SWITCH_BENCH_REPEATS,
    settings: { rounds: SWITCH_BENCH_ROUNDS, idleSampleSeconds: IDLE_SAMPLE_SECONDS },
    measure: benchSwitch,
  });
}

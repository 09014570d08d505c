import type { Command } from 'commander';
import {
  benchRace,
  RACE_BENCH_REPEATS,
  RACE_BENCH_SAMPLE_SECONDS,
  RACE_BENCH_STRATEGY,
} from '../../lab/race-bench.js';
import type { Outcome } from '../output.js';
import { addTargetBench } from './bench-targets.js';

const EXAMPLE = 'Example: gfp bench race --repeats 9\n';

const EXPLANATION = `
On one thread: accesses to shared memory and executions a second, of three threads that take nodes from a free list
under a lock and give them back, scheduled by ${RACE_BENCH_STRATEGY}, in samples of ${RACE_BENCH_SAMPLE_SECONDS} s; the time to take back an execution
on a machine of 16 MiB in which 100 words were changed; the time that the kernel takes to be loaded in a form that can
be explored, with an empty cache and with a full one. Medians, smallest and largest, and what the median should be.

--json prints { host, settings, rows }:
  host      cpuModel, cores, node, platform
  settings  repeats, sampleSeconds, strategy
  rows      name, unit (accesses/s, executions/s, s), median, min, max, target (null: none), met

Exit code: 0 measured, whether or not the targets are met, 1 something failed, 2 bad usage.`;

/** Adds `gfp bench race`. */
export function addBenchRace(bench: Command, outcome: Outcome): void {
  addTargetBench(bench, outcome, {
    name: 'race',
    description:
      'Measure the race explorer: accesses and executions a second, resets, the loading of the kernel.',
    example: EXAMPLE,
    explanation: EXPLANATION,
    repeats: RACE_BENCH_REPEATS,
    settings: { sampleSeconds: RACE_BENCH_SAMPLE_SECONDS, strategy: RACE_BENCH_STRATEGY },
    measure: benchRace,
  });
}

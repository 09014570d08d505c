import type { Command } from 'commander';
import type { Outcome } from '../output.js';
import { addBenchCounters } from './bench-counters.js';
import { addBenchKmalloc } from './bench-kmalloc.js';
import { addBenchPages, BENCH_PAGES_EXAMPLE } from './bench-pages.js';
import { addBenchRace } from './bench-race.js';
import { addBenchSwitch } from './bench-switch.js';

/** Adds `gfp bench`. */
export function addBench(program: Command, outcome: Outcome): void {
  const bench = program
    .command('bench')
    .description('Measure the machine, or the explorer of races.')
    .addHelpText('before', BENCH_PAGES_EXAMPLE);
  addBenchPages(bench, outcome);
  addBenchKmalloc(bench, outcome);
  addBenchCounters(bench, outcome);
  addBenchSwitch(bench, outcome);
  addBenchRace(bench, outcome);
}

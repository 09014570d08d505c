import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadScenarios } from '../race/campaign/load-scenarios.js';
import { explore, programOf } from '../race/explore.js';
import { Explorer } from '../race/explorer.js';
import type { Scenario } from '../race/scenario.js';
import { createStrategy } from '../race/strategies/index.js';
import { targetRow, type TargetRow, type TargetUnit } from './target-table.js';

/** Samples of each row, when nothing else is said. */
export const RACE_BENCH_REPEATS = 5;
/** How long a sample takes (seconds). */
export const RACE_BENCH_SAMPLE_SECONDS = 0.5;
/** Schedules with few switches, as most of the default's are: what is measured is accesses, not switches. */
export const RACE_BENCH_STRATEGY = 'pct:3';
/** A switch at every second access or so, which costs more than the access. */
export const RACE_BENCH_SWITCHING = 'random';

const SEED = 1;
/** Executions of a sample of the reset. */
const RESETS = 2000;
/** Longer than a kernel takes to load anywhere (milliseconds). */
const LOAD_LIMIT_MS = 120_000;

/** Something to be measured. */
interface Measurement {
  readonly name: string;
  readonly unit: TargetUnit;
  readonly target: number | null;
  /** One sample. */
  sample(): Promise<number>;
}

/**
 * Measures the race explorer on one thread.
 *
 * @param onRow told before each row
 */
export async function benchRace(
  repeats: number,
  onRow: (name: string) => void = () => {},
): Promise<TargetRow[]> {
  const rows: TargetRow[] = [];
  for (const measurement of await measurements()) {
    const { name, unit, target } = measurement;
    onRow(name);
    const samples: number[] = [];
    for (let i = 0; i < repeats; i++) samples.push(await measurement.sample());
    rows.push(targetRow(name, unit, target, samples));
  }
  return rows;
}

async function measurements(): Promise<Measurement[]> {
  const [without, withRaces, short] = await benchScenarios('free-list');
  const [machine] = await benchScenarios('dirty-machine');
  return [
    {
      name: 'accesses without race detection',
      unit: 'accesses/s',
      target: 20e6,
      sample: async () => (await sampleExecutions(without)).accessesPerSecond,
    },
    {
      name: 'accesses with race detection',
      unit: 'accesses/s',
      target: 6e6,
      sample: async () => (await sampleExecutions(withRaces)).accessesPerSecond,
    },
    {
      name: 'the same, switching at every second',
      unit: 'accesses/s',
      target: null,
      sample: async () => (await sampleExecutions(withRaces, RACE_BENCH_SWITCHING)).accessesPerSecond,
    },
    {
      name: 'executions of 3 threads, 200 accesses',
      unit: 'executions/s',
      target: 40e3,
      sample: async () => (await sampleExecutions(short)).executionsPerSecond,
    },
    {
      name: 'reset of 16 MiB, 100 words changed',
      unit: 's',
      target: 20e-6,
      sample: () => sampleReset(machine),
    },
    { name: 'kernel, transformed and loaded', unit: 's', target: 2, sample: () => sampleLoad(false) },
    { name: 'kernel, loaded from the cache', unit: 's', target: null, sample: () => sampleLoad(true) },
  ];
}

function benchScenarios(name: string): Promise<Scenario[]> {
  return loadScenarios(new URL(`../race/self/bench/${name}.js`, import.meta.url));
}

interface Speed {
  readonly accessesPerSecond: number;
  readonly executionsPerSecond: number;
}

async function sampleExecutions(scenario: Scenario, strategy = RACE_BENCH_STRATEGY): Promise<Speed> {
  const { executions, accesses, executionsPerSecond, message } = await explore(scenario, {
    strategy,
    seed: SEED,
    seconds: RACE_BENCH_SAMPLE_SECONDS,
  });
  if (message !== undefined) throw new Error(`the scenario of the bench fails: ${message}`);
  return { executionsPerSecond, accessesPerSecond: (accesses * executionsPerSecond) / executions };
}

/** Seconds that taking an execution back takes, within executions that really change the machine. */
async function sampleReset(scenario: Scenario): Promise<number> {
  const explorer = new Explorer(await programOf(scenario));
  const strategy = createStrategy(RACE_BENCH_STRATEGY, { seed: SEED });
  const { undo } = explorer.executor;
  const takeBack = undo.undo.bind(undo);
  let milliseconds = 0;
  undo.undo = () => {
    const start = performance.now();
    takeBack();
    milliseconds += performance.now() - start;
  };
  for (let i = 0; i < RESETS; i++) explorer.next(strategy);
  return milliseconds / 1000 / RESETS;
}

/** Seconds that a process without anything loaded takes for the kernel, with an empty cache or a full one. */
async function sampleLoad(isCached: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'gfp-bench-'));
  try {
    const first = await loadInProcess(folder);
    return isCached ? await loadInProcess(folder) : first;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Loads the kernel in a process of its own, with its cache in a folder. */
function loadInProcess(cache: string): Promise<number> {
  const script = fileURLToPath(new URL('./race-bench-load.js', import.meta.url));
  // Wherever the system has the caches of its users.
  const env = { ...process.env, HOME: cache, XDG_CACHE_HOME: cache, LOCALAPPDATA: cache };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script], { env, timeout: LOAD_LIMIT_MS }, (error, stdout) => {
      if (error === null) resolve(Number(stdout));
      else reject(new Error(`the kernel could not be loaded: ${error.message}`));
    });
  });
}

import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Machine } from '../../src/machine/machine.js';
import { replayTrace } from '../../src/trace/replay.js';
import type { ReadingMemory } from './reading-memory.js';
import { type BenchSettings, median, type Target } from './target.js';
import { measureTraceReading } from './trace-reading.js';

const MIN_LINES_PER_SECOND = 400_000;
/** Of the page events alone, and of the whole trace: pages and objects. */
const MIN_EVENTS_PER_SECOND = { pages: 1_500_000, all: 2_000_000 } as const;

/** Replays of each trace; the median counts. */
const REPLAYS = 5;
/** Times that a trace which fits in a batch is run again, on a machine that is warm then. */
const PASSES = 10;

/** How many lines are read, the same trace again and again, and how much more memory many may take. */
const FEW_LINES = 500_000;
const MANY_LINES = 5_000_000;
const MAX_GROWTH_MIB = 16;

const MIB = 1024 ** 2;

/** What reading and replaying traces is measured by. */
export async function traceTargets({ traces }: BenchSettings): Promise<Target[]> {
  const targets: Target[] = [];
  // Machines come last: with the address space of some of them this process cannot start others.
  for (const bench of [readingTarget, memoryTarget]) {
    for (const file of traces) targets.push(await bench(file));
  }
  for (const events of ['pages', 'all'] as const) {
    for (const file of traces) targets.push(await replayTarget(file, events));
  }
  return targets;
}

async function readingTarget(file: string): Promise<Target> {
  const { lines, seconds, linesPerSecond } = await measureTraceReading(file);
  return {
    name: `trace reading, ${basename(file)}`,
    measured: `${(linesPerSecond / 1000).toFixed(0)} k lines/s`,
    limit: `at least ${MIN_LINES_PER_SECOND / 1000} k`,
    met: linesPerSecond >= MIN_LINES_PER_SECOND,
    note: `${lines} lines in ${(seconds * 1000).toFixed(0)} ms`,
  };
}

/** In processes of their own: the memory of this one depends on what it did before. */
async function memoryTarget(file: string): Promise<Target> {
  const { lines } = await measureTraceReading(file, 1);
  const few = await readingMemory(file, Math.ceil(FEW_LINES / lines));
  const many = await readingMemory(file, Math.ceil(MANY_LINES / lines));
  const growth = (many.peakRss - few.peakRss) / MIB;
  return {
    name: `memory of reading ${MANY_LINES / FEW_LINES} times as much, ${basename(file)}`,
    measured: `${growth.toFixed(1)} MiB more`,
    limit: `at most ${MAX_GROWTH_MIB} MiB`,
    met: growth <= MAX_GROWTH_MIB,
    note: `${few.lines} lines: ${mib(few)}, ${many.lines} lines: ${mib(many)}`,
  };
}

/** Reads a file in which the trace stands several times, one after another; gzip files may be joined like that. */
async function readingMemory(file: string, times: number): Promise<ReadingMemory> {
  const script = fileURLToPath(new URL('./reading-memory.js', import.meta.url));
  const folder = await mkdtemp(join(tmpdir(), 'gfp-bench-'));
  try {
    const joined = join(folder, basename(file));
    const trace = await readFile(file);
    for (let i = 0; i < times; i++) await appendFile(joined, trace);
    const { stdout } = await promisify(execFile)(process.execPath, [script, joined]);
    return JSON.parse(stdout) as ReadingMemory;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function mib({ peakRss }: ReadingMemory): string {
  return `${(peakRss / MIB).toFixed(0)} MiB`;
}

async function replayTarget(file: string, events: 'pages' | 'all'): Promise<Target> {
  const cold: number[] = [];
  const warm: number[] = [];
  for (let i = 0; i < REPLAYS; i++) {
    const machine = await Machine.boot();
    const { speed } = await replayTrace(machine, file, { cpus: 2, again: PASSES, events });
    await machine.halt();
    cold.push(speed.eventsPerSecondPerCpu);
    if (speed.warmEventsPerSecondPerCpu !== null) warm.push(speed.warmEventsPerSecondPerCpu);
  }
  const isWarm = warm.length > 0;
  const measured = median(isWarm ? warm : cold);
  const limit = MIN_EVENTS_PER_SECOND[events];
  return {
    name: `replay of ${events === 'all' ? 'pages and objects' : 'pages'}, 2 CPUs, ${basename(file)}`,
    measured: `${millions(measured)} M events/s per CPU`,
    limit: `at least ${millions(limit)} M`,
    met: measured >= limit,
    note: isWarm ? `warm; the first time ${millions(median(cold))} M` : 'once through, cold',
  };
}

function millions(value: number): string {
  return (value / 1e6).toFixed(2);
}

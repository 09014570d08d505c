import { setTimeout as sleep } from 'node:timers/promises';
import { Machine } from '../machine/machine.js';
import { benchMachine } from './bench-machine.js';
import { spread } from './bench-spread.js';
import { SHARED_WORDS, SWITCH_BENCH_MODULE, type SwitchTask } from './switch-bench-cpu.js';
import { targetRow, type TargetRow } from './target-table.js';

/** Samples of each row, when nothing else is said. */
export const SWITCH_BENCH_REPEATS = 5;
/** Switches of each task in a sample; a sample's value is their median. */
export const SWITCH_BENCH_ROUNDS = 2000;
/** CPUs of the machine. */
export const SWITCH_BENCH_CPUS = 4;
/** How long an idle machine is watched for a sample (seconds). */
export const IDLE_SAMPLE_SECONDS = 1;

/** How long the machine has to fall idle (milliseconds): until it has folded its statistics. */
const SETTLE_MS = 5000;

const US_PER_S = 1e6;

/** A switch is to take less (seconds). */
const SWITCH_TARGET = 40e-6;
/** An idle machine is to take no more of a host core, in a second, than a process without one and this (seconds). */
const IDLE_TARGET = 1e-3;

/** Something to be measured on a machine: samples in seconds. */
interface Measurement {
  readonly name: string;
  readonly target: number | null;
  readonly sample: (machine: Machine) => Promise<number>;
}

const SWITCHES: readonly Measurement[] = [
  {
    name: 'yield between two tasks of a CPU',
    target: SWITCH_TARGET,
    sample: (machine) => sampleYield(machine, 2),
  },
  { name: 'yield among 16 tasks of a CPU', target: null, sample: (machine) => sampleYield(machine, 16) },
  { name: 'up and down, tasks of one CPU', target: null, sample: (machine) => samplePing(machine, [0], [0]) },
  {
    name: 'up and down, tasks of two CPUs',
    target: null,
    sample: (machine) => samplePing(machine, [0], [1]),
  },
  { name: 'yield when nobody waits', target: null, sample: (machine) => sampleYield(machine, 1) },
  { name: 'two threads, Atomics.wait and notify', target: null, sample: sampleBare },
];

/**
 * Measures what it costs to pass a CPU from task to task, and what an idle machine costs.
 *
 * @param onRow told before each row
 */
export async function benchSwitch(
  repeats: number,
  onRow: (name: string) => void = () => {},
): Promise<TargetRow[]> {
  const measure = async (name: string, target: number | null, sample: () => Promise<number>) => {
    onRow(name);
    const samples: number[] = [];
    for (let i = 0; i < repeats; i++) samples.push(await sample());
    return targetRow(name, 's', target, samples);
  };
  const bare = await measure('host CPU time in a second, no machine', null, sampleIdle);
  const machine = await Machine.boot(benchMachine(SWITCH_BENCH_CPUS));
  try {
    const rows: TargetRow[] = [];
    for (const { name, target, sample } of SWITCHES)
      rows.push(await measure(name, target, () => sample(machine)));
    await sleep(SETTLE_MS);
    const limit = bare.median + IDLE_TARGET;
    return [...rows, bare, await measure('host CPU time in a second, idle machine', limit, sampleIdle)];
  } finally {
    await machine.halt();
  }
}

function newTask(parties: number): SwitchTask {
  const shared = new Int32Array(new SharedArrayBuffer(SHARED_WORDS * Int32Array.BYTES_PER_ELEMENT));
  return { shared, parties, rounds: SWITCH_BENCH_ROUNDS };
}

async function sampleYield(machine: Machine, parties: number): Promise<number> {
  const task = newTask(parties);
  const tasks = Array.from({ length: parties }, () =>
    machine.spawn(SWITCH_BENCH_MODULE, 'yieldToOthers', task, { cpus: [0] }),
  );
  return medianOf(await Promise.all(tasks.map(({ result }) => result)));
}

async function samplePing(machine: Machine, first: number[], second: number[]): Promise<number> {
  const task = newTask(2);
  const page = await machine.cpu(0).run(SWITCH_BENCH_MODULE, 'makeSemaphores', task.shared);
  const pong = machine.spawn(SWITCH_BENCH_MODULE, 'pong', task, { cpus: second });
  const ping = machine.spawn(SWITCH_BENCH_MODULE, 'ping', task, { cpus: first });
  const [times] = await Promise.all([ping.result, pong.result]);
  await machine.cpu(0).run(SWITCH_BENCH_MODULE, 'freeSemaphores', page);
  return medianOf([times]);
}

async function sampleBare(machine: Machine): Promise<number> {
  const task = newTask(2);
  const [times] = await Promise.all([
    machine.cpu(0).run(SWITCH_BENCH_MODULE, 'bareWait', { task, leads: true }),
    machine.cpu(1).run(SWITCH_BENCH_MODULE, 'bareWait', { task, leads: false }),
  ]);
  return medianOf([times]);
}

/** Seconds of a host core that the process takes in a second in which nobody wants anything. */
async function sampleIdle(): Promise<number> {
  const before = process.cpuUsage();
  await sleep(IDLE_SAMPLE_SECONDS * 1000);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / US_PER_S / IDLE_SAMPLE_SECONDS;
}

function medianOf(times: readonly unknown[]): number {
  return spread((times as number[][]).flat()).median;
}

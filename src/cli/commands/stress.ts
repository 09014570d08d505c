import { type Command, InvalidArgumentError } from 'commander';
import { NR_CPUS, MAX_NUMNODES } from '../../kernel/core/limits.js';
import { FAULT_SYNTAX, formatFault, parseFault, type StressFault } from '../../lab/stress-fault.js';
import {
  OBJECT_WORKLOADS,
  OBJECT_WORKLOAD_SUMMARIES,
  type ObjectWorkload,
} from '../../lab/object-stress-result.js';
import { defaultObjectTasks, runObjectStress } from '../../lab/object-stress.js';
import { reshapeMachine } from '../../lab/stress-machine.js';
import {
  STRESS_WORKLOADS,
  STRESS_WORKLOAD_SUMMARIES,
  type StressWorkload,
} from '../../lab/stress-options.js';
import type { CommonStressResult, FirstFailure, StressProgress } from '../../lab/stress-result.js';
import { runStress } from '../../lab/stress.js';
import { DEFAULT_STRESS_TASKS, HANG_SECONDS } from '../../lab/task-stress-result.js';
import { MAX_STRESS_TASKS } from '../../lab/task-stress-world.js';
import { runTaskStress } from '../../lab/task-stress.js';
import type { MachineConfig } from '../../machine/config-types.js';
import { Machine } from '../../machine/machine.js';
import { DEFAULT_PRESET } from '../../machine/presets.js';
import { parseSeconds, usage, wholeNumber } from '../option-values.js';
import { EXIT_FINE, EXIT_FOUND, type Outcome, print, printJson, Progress, UsageError } from '../output.js';
import { machineFacts, machineLine } from '../render-machine.js';
import { amount } from '../render-number.js';
import { objectStressText } from '../render-object-stress.js';
import {
  failureText,
  firstFailureText,
  stressCommandLine,
  stressText,
  stressVerdict,
} from '../render-stress.js';
import { taskFailureText, taskStressText } from '../render-task-stress.js';

const DEFAULT_SECONDS = 5;
const MAX_SEED = 2 ** 32 - 1;

const EXAMPLE = 'Example: gfp stress --cpus 8 --seconds 60 --workload mixed --fault offline:3@10+5\n';

/** The workload that stresses the scheduler, not only the page allocator. */
const TASKS = 'tasks';

const WORKLOADS = [...STRESS_WORKLOADS, ...OBJECT_WORKLOADS, TASKS] as const;
type Workload = StressWorkload | ObjectWorkload | typeof TASKS;

function isOfObjects(workload: Workload): workload is ObjectWorkload {
  return OBJECT_WORKLOADS.some((name) => name === workload);
}

const EXPLANATION = `
Every page of every block, or every object, gets a canary when it is allocated, which is verified when it is freed. In
the end all is freed, the number of free pages must be as before, and the machine is audited.

Workloads:
${STRESS_WORKLOADS.map((name) => `  ${name.padEnd(12)} ${STRESS_WORKLOAD_SUMMARIES[name]}`).join('\n')}
${OBJECT_WORKLOADS.map((name) => `  ${name.padEnd(12)} ${OBJECT_WORKLOAD_SUMMARIES[name]}`).join('\n')}
  ${TASKS.padEnd(12)} more tasks than CPUs: they count in per-CPU variables and under mutexes and semaphores, wait for one
               another, sleep, move, allocate, and have kernel threads, while a device interrupts the CPUs 1000 times
               a second and a CPU is unplugged for a while once a second. Every count must be exact in the end; a task
               that makes no progress for ${HANG_SECONDS} seconds fails the run, which says what each task was at

The workloads ${OBJECT_WORKLOADS.join(', ')} are done by tasks, two for each CPU; in the end every cache and pool of theirs must be
destroyed, and every cache have as many objects in use as before.

Faults:
  kill:CPU@SECONDS               ends the CPU's thread wherever it is. If it held no lock, another CPU verifies and
                                 frees its blocks, and a second later the CPU comes back. If it held one, the machine
                                 must panic within 2 seconds: that is a run that ended well, too
  offline:CPU@SECONDS[+SECONDS]  unplugs the CPU, until so many seconds later or the end of the run
  kill-task:TASK@SECONDS         ends the thread of a task of a workload that has tasks, from 0 on. The others must go on
                                 without it, and without the mutex or semaphore that it may have had; if it held a
                                 spinlock, the machine must panic within 2 seconds. No cache comes, shrinks or goes in
                                 such a run, and an object that the task was just given or gave back may be missing

--json prints { machine, command, result }:
  machine  name, nodes, cpus, memory (bytes)
  command  the command that runs it again
  result   verdict (passed, panicked, failed), workload, seed, seconds, elapsedSeconds, cpus (cpu, node, lives and
           counters), total (counters), operationsPerSecond, numa (counters), unusable (before, loaded, after: by
           order), faults (fault, outcome, detail, milliseconds), inFlight (cpu, doing, order, pfn), pages (before,
           after, missing), notices, audit, panic (message, report, milliseconds), failure (kind, cpu, message,
           report, lastOperations); counters are operations, allocations, failed, frees, sent, received,
           pagesChecked, rescued, pagesHeld, mostPagesHeld, allocatedByOrder, failedByOrder. Of the workload tasks:
           verdict, workload, seed, seconds, elapsedSeconds, tasks, operations (by name), total,
           operationsPerSecond, counters (name, least, most, counted), switches (voluntary, involuntary, moves),
           interrupts (raised, served), unplugged (done, refused), faults, pages (before, after), notices, audit,
           panic, failure (kind, message, report, tasks). Of the workloads ${OBJECT_WORKLOADS.join(', ')}: verdict,
           workload, seed, seconds, elapsedSeconds, tasks, counters (by name), operationsPerSecond, inFlight, pages,
           faults, notices, audit, panic, failure (kind, message, report)

Exit code: 0 fine, 1 something was found or the machine failed, 2 bad usage.`;

interface Options {
  readonly machine: string;
  readonly cpus?: number;
  readonly nodes?: number;
  readonly seconds: number;
  readonly seed?: number;
  readonly workload: Workload;
  readonly tasks?: number;
  readonly fault: readonly StressFault[];
  readonly debug: boolean;
  readonly json: boolean;
}

/** Adds `gfp stress`. */
export function addStress(program: Command, outcome: Outcome): void {
  program
    .command('stress')
    .description(
      'Stress the page allocator, the slab allocator or the scheduler on all CPUs at once, and check everything.',
    )
    .option('--machine <preset|file>', 'machine', DEFAULT_PRESET)
    .option('--cpus <n>', 'give the machine so many CPUs, spread over its nodes', wholeNumber(1, NR_CPUS))
    .option(
      '--nodes <n>',
      "divide the machine's memory among so many equal nodes",
      wholeNumber(1, MAX_NUMNODES),
    )
    .option('--seconds <s>', 'how long', parseSeconds, DEFAULT_SECONDS)
    .option('--seed <x>', 'of the random numbers (default: another one each time)', wholeNumber(0, MAX_SEED))
    .option('--workload <name>', `one of ${WORKLOADS.join(', ')}`, parseWorkload, 'mixed')
    .option(
      '--tasks <n>',
      `so many tasks in the workloads ${[...OBJECT_WORKLOADS, TASKS].join(', ')} (default: two for each CPU; ${TASKS}: ${DEFAULT_STRESS_TASKS})`,
      wholeNumber(1, MAX_STRESS_TASKS),
    )
    .option('--fault <fault>', `${FAULT_SYNTAX}; can be repeated`, addFault, [])
    .option('--debug', 'switch all checks of the kernel on', false)
    .option('--json', 'print JSON', false)
    .addHelpText('before', EXAMPLE)
    .addHelpText('after', EXPLANATION)
    .action(async (options: Options) => {
      outcome.exitCode = await stressCommand(options);
    });
}

function parseWorkload(text: string): Workload {
  const found = WORKLOADS.find((name) => name === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`It must be one of ${WORKLOADS.join(', ')}.`);
}

function addFault(text: string, faults: readonly StressFault[]): StressFault[] {
  return [...faults, usage(() => parseFault(text))];
}

async function stressCommand(options: Options): Promise<number> {
  const { workload, seconds, fault: faults, tasks } = options;
  if (tasks !== undefined && workload !== TASKS && !isOfObjects(workload))
    throw new UsageError(
      `--tasks ${tasks}: the workload ${workload} has no tasks, but --workload ${TASKS} has`,
    );
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  const shape = usage(() => reshapeMachine(options.machine, options.cpus, options.nodes));
  const changes: Partial<MachineConfig> = options.debug ? { ...shape, debug: true } : shape;
  await using machine = await Machine.boot(options.machine, changes);
  checkFaults(options, machine.cpus);
  const facts = machineFacts(machine, options.machine);
  const { machine: name, cpus, nodes, debug } = options;
  const command = stressCommandLine({
    machine: name,
    cpus,
    nodes,
    seconds,
    seed,
    workload,
    tasks,
    faults,
    debug,
  });
  if (!options.json) {
    print(machineLine(facts));
    print(`stress  ${workload}, ${amount(seconds, 'second')}, seed ${seed}\n`);
  }
  const { result, text, failure } = await withProgress((onProgress) =>
    runWorkload(machine, options, seed, onProgress),
  );
  if (options.json) {
    printJson({ machine: facts, command, result });
  } else {
    print(text);
    if (result.panic !== undefined) print(`\n${result.panic.report}`);
    if (failure !== undefined) print(`\n${failure}\n\nagain: ${command}`);
    print(`\n${stressVerdict(result)}`);
  }
  return result.verdict === 'failed' ? EXIT_FOUND : EXIT_FINE;
}

/** What a run has found, in words. */
interface Found {
  readonly result: CommonStressResult;
  readonly text: string;
  readonly failure: string | undefined;
}

async function runWorkload(
  machine: Machine,
  { workload, seconds, fault: faults, tasks }: Options,
  seed: number,
  onProgress: OnProgress,
): Promise<Found> {
  const plan = { seconds, seed, faults, onProgress, ...(tasks === undefined ? {} : { tasks }) };
  if (workload === TASKS) {
    const result = await runTaskStress(machine, plan);
    return found(result, taskStressText(result), taskFailureText);
  }
  if (isOfObjects(workload)) {
    const result = await runObjectStress(machine, { ...plan, workload });
    return found(result, objectStressText(result), firstFailureText);
  }
  const result = await runStress(machine, { ...plan, workload });
  return found(result, stressText(result), failureText);
}

function found<Failure extends FirstFailure<string>>(
  result: CommonStressResult<Failure>,
  text: string,
  textOf: (failure: Failure) => string,
): Found {
  const { failure } = result;
  return { result, text, failure: failure === undefined ? undefined : textOf(failure) };
}

type OnProgress = (progress: StressProgress) => void;

async function withProgress<Value>(action: (onProgress: OnProgress) => Promise<Value>): Promise<Value> {
  const progress = new Progress();
  try {
    return await action(({ seconds, of, operations, onlineCpus }) => {
      const millions = (operations / 1e6).toFixed(1);
      progress.update(
        `${seconds.toFixed(0)} of ${of} s, ${millions} million operations, ${onlineCpus} CPUs online`,
      );
    });
  } finally {
    progress.done();
  }
}

function checkFaults({ fault: faults, workload, seconds, tasks }: Options, cpus: number): void {
  for (const fault of faults) {
    const text = `--fault ${formatFault(fault)}`;
    if (fault.kind === 'kill-task') {
      if (workload !== TASKS && !isOfObjects(workload))
        throw new UsageError(`${text}: the workload ${workload} has no tasks`);
      const count = tasks ?? (workload === TASKS ? DEFAULT_STRESS_TASKS : defaultObjectTasks(cpus));
      if (fault.task >= count) throw new UsageError(`${text}: this run has tasks 0 to ${count - 1}`);
    } else if (fault.cpu >= cpus) {
      throw new UsageError(`${text}: this machine has CPUs 0 to ${cpus - 1}`);
    }
    if (fault.at >= seconds) throw new UsageError(`${text}: the run ends after ${amount(seconds, 'second')}`);
  }
}

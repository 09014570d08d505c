import { type Command, InvalidArgumentError } from 'commander';
import { NR_CPUS, MAX_NUMNODES } from '../../kernel/core/limits.js';
import { FAULT_SYNTAX, parseFault, type StressFault } from '../../lab/stress-fault.js';
import { reshapeMachine } from '../../lab/stress-machine.js';
import {
  STRESS_WORKLOADS,
  STRESS_WORKLOAD_SUMMARIES,
  type StressWorkload,
} from '../../lab/stress-options.js';
import { runStress } from '../../lab/stress.js';
import type { MachineConfig } from '../../machine/config-types.js';
import { Machine } from '../../machine/machine.js';
import { DEFAULT_PRESET } from '../../machine/presets.js';
import { parseSeconds, usage, wholeNumber } from '../option-values.js';
import { EXIT_FINE, EXIT_FOUND, type Outcome, print, printJson, Progress, UsageError } from '../output.js';
import { machineFacts, machineLine } from '../render-machine.js';
import { amount } from '../render-number.js';
import { failureText, stressCommandLine, stressText, stressVerdict } from '../render-stress.js';

const DEFAULT_SECONDS = 5;
const MAX_SEED = 2 ** 32 - 1;

const EXAMPLE = 'Example: gfp stress --cpus 8 --seconds 60 --workload mixed --fault offline:3@10+5\n';

const EXPLANATION = `
Every page of every block gets a canary when it is allocated, which is verified when it is freed. In the end all is
freed, the number of free pages must be as before, and the machine is audited.

Workloads:
${STRESS_WORKLOADS.map((name) => `  ${name.padEnd(12)} ${STRESS_WORKLOAD_SUMMARIES[name]}`).join('\n')}

Faults:
  kill:CPU@SECONDS               ends the CPU's thread wherever it is. If it held no lock, another CPU verifies and
                                 frees its blocks, and a second later the CPU comes back. If it held one, the machine
                                 must panic within 2 seconds: that is a run that ended well, too
  offline:CPU@SECONDS[+SECONDS]  unplugs the CPU, until so many seconds later or the end of the run

--json prints { machine, command, result }:
  machine  name, nodes, cpus, memory (bytes)
  command  the command that runs it again
  result   verdict (passed, panicked, failed), workload, seed, seconds, elapsedSeconds, cpus (cpu, node, lives and
           counters), total (counters), operationsPerSecond, numa (counters), unusable (before, loaded, after: by
           order), faults (fault, outcome, detail, milliseconds), inFlight (cpu, doing, order, pfn), pages (before,
           after, missing), notices, audit, panic (message, report, milliseconds), failure (kind, cpu, message,
           report, lastOperations); counters are operations, allocations, failed, frees, sent, received,
           pagesChecked, rescued, pagesHeld, mostPagesHeld, allocatedByOrder, failedByOrder

Exit code: 0 fine, 1 something was found or the machine failed, 2 bad usage.`;

interface Options {
  readonly machine: string;
  readonly cpus?: number;
  readonly nodes?: number;
  readonly seconds: number;
  readonly seed?: number;
  readonly workload: StressWorkload;
  readonly fault: readonly StressFault[];
  readonly debug: boolean;
  readonly json: boolean;
}

/** Adds `gfp stress`. */
export function addStress(program: Command, outcome: Outcome): void {
  program
    .command('stress')
    .description('Stress the page allocator from all CPUs at once, and check everything.')
    .option('--machine <preset|file>', 'machine', DEFAULT_PRESET)
    .option('--cpus <n>', 'give the machine so many CPUs, spread over its nodes', wholeNumber(1, NR_CPUS))
    .option(
      '--nodes <n>',
      "divide the machine's memory among so many equal nodes",
      wholeNumber(1, MAX_NUMNODES),
    )
    .option('--seconds <s>', 'how long', parseSeconds, DEFAULT_SECONDS)
    .option('--seed <x>', 'of the random numbers (default: another one each time)', wholeNumber(0, MAX_SEED))
    .option('--workload <name>', `one of ${STRESS_WORKLOADS.join(', ')}`, parseWorkload, 'mixed')
    .option('--fault <fault>', `${FAULT_SYNTAX}; can be repeated`, addFault, [])
    .option('--debug', 'switch all checks of the kernel on', false)
    .option('--json', 'print JSON', false)
    .addHelpText('before', EXAMPLE)
    .addHelpText('after', EXPLANATION)
    .action(async (options: Options) => {
      outcome.exitCode = await stressCommand(options);
    });
}

function parseWorkload(text: string): StressWorkload {
  const found = STRESS_WORKLOADS.find((name) => name === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`It must be one of ${STRESS_WORKLOADS.join(', ')}.`);
}

function addFault(text: string, faults: readonly StressFault[]): StressFault[] {
  return [...faults, usage(() => parseFault(text))];
}

async function stressCommand(options: Options): Promise<number> {
  const { workload, seconds, fault: faults } = options;
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  const shape = usage(() => reshapeMachine(options.machine, options.cpus, options.nodes));
  const changes: Partial<MachineConfig> = options.debug ? { ...shape, debug: true } : shape;
  await using machine = await Machine.boot(options.machine, changes);
  checkFaults(faults, machine.cpus, seconds);
  const facts = machineFacts(machine, options.machine);
  const { machine: name, cpus, nodes, debug } = options;
  const command = stressCommandLine({ machine: name, cpus, nodes, seconds, seed, workload, faults, debug });
  if (!options.json) {
    print(machineLine(facts));
    print(`stress  ${workload}, ${amount(seconds, 'second')}, seed ${seed}\n`);
  }
  const result = await withProgress((onProgress) =>
    runStress(machine, { workload, seconds, seed, faults, onProgress }),
  );
  if (options.json) {
    printJson({ machine: facts, command, result });
  } else {
    print(stressText(result));
    if (result.panic !== undefined) print(`\n${result.panic.report}`);
    if (result.failure !== undefined) print(`\n${failureText(result.failure)}\n\nagain: ${command}`);
    print(`\n${stressVerdict(result)}`);
  }
  return result.verdict === 'failed' ? EXIT_FOUND : EXIT_FINE;
}

type OnProgress = NonNullable<Parameters<typeof runStress>[1]['onProgress']>;

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

function checkFaults(faults: readonly StressFault[], cpus: number, seconds: number): void {
  for (const { kind, cpu, at } of faults) {
    const fault = `--fault ${kind}:${cpu}@${at}`;
    if (cpu >= cpus) throw new UsageError(`${fault}: this machine has CPUs 0 to ${cpus - 1}`);
    if (at >= seconds) throw new UsageError(`${fault}: the run ends after ${amount(seconds, 'second')}`);
  }
}

import { type Command } from 'commander';
import { describeHost } from '../../lab/bench-host.js';
import { benchPages } from '../../lab/bench-pages.js';
import { runStress } from '../../lab/stress.js';
import { CpuError, MachinePanicError } from '../../machine/machine-errors.js';
import { Machine } from '../../machine/machine.js';
import { DEFAULT_PRESET } from '../../machine/presets.js';
import { sampleTraceFile } from '../../trace/sample-trace.js';
import { EXIT_FINE, EXIT_FOUND, type Outcome, print, printJson, Progress } from '../output.js';
import { machineFacts } from '../render-machine.js';
import { type RunResult, runText } from '../render-run.js';
import { replayWithProgress } from './replay.js';

/** How long the stress goes on (seconds). */
const STRESS_SECONDS = 5;

/** The stress of every run begins with the same random numbers. */
const STRESS_SEED = 1;

/** The rows of the short bench: the fast path, whole lists, and pages that another CPU frees; on one and two CPUs. */
const BENCH = { workloads: ['bulk', 'repeat', 'remote'], orders: [0], cpus: [1, 2] } as const;

const EXAMPLE = 'Example: gfp run\n';

const EXPLANATION = `
Boots the machine ${DEFAULT_PRESET}; replays a piece of what a real kernel did (it is in the package); stresses the
page allocator from all CPUs for ${STRESS_SECONDS} seconds; audits every page; measures a little, on a second machine. The last line
is the verdict. Takes less than 40 seconds on 2 cores.

--json prints { machine, bootSeconds, replay, stress, audit, bench, seconds, fine, error }:
  machine  name, nodes, cpus, memory (bytes)
  replay   as one of "replays" of gfp replay --json
  stress   as "result" of gfp stress --json
  audit    of the machine after the stress: violations
  bench    as "rows" of gfp bench pages --json
  error    what ended the run early; then the parts that were not reached are missing

Exit code: 0 fine, 1 a violation was found or the machine failed, 2 bad usage.`;

/** A part of a run: does it, notes its result, and says in words what came out. */
type Part = (machine: Machine, result: RunResult) => Promise<string>;

/** Adds `gfp run`. */
export function addRun(program: Command, outcome: Outcome): void {
  program
    .command('run')
    .description('Boot a machine, replay a real trace on it, stress, audit and measure it.')
    .option('--json', 'print JSON')
    .addHelpText('before', EXAMPLE)
    .addHelpText('after', EXPLANATION)
    .action(async ({ json = false }: { json?: boolean }) => {
      outcome.exitCode = await runCommand(json);
    });
}

async function runCommand(json: boolean): Promise<number> {
  const say = json ? (): void => undefined : print;
  const result = await runAll(say);
  if (json) printJson(result);
  else print(`\n${runText.verdict(result)}`);
  return result.fine ? EXIT_FINE : EXIT_FOUND;
}

async function runAll(say: (text: string) => void): Promise<RunResult> {
  const start = performance.now();
  const result: RunResult = { seconds: 0, fine: false };
  try {
    await using machine = await Machine.boot();
    result.bootSeconds = (performance.now() - start) / 1000;
    result.machine = machineFacts(machine, DEFAULT_PRESET);
    say(runText.boot(result.machine, result.bootSeconds));
    for (const part of [replay, stress, audit, bench]) say(`\n${await part(machine, result)}`);
    result.fine = isFine(result);
  } catch (error) {
    result.error = error instanceof Error ? error.message : String(error);
    if (isReporting(error) && error.report !== undefined) say(`\n${error.report}`);
  }
  result.seconds = (performance.now() - start) / 1000;
  return result;
}

const replay: Part = async (machine, result) => {
  result.replay = await replayWithProgress(machine, sampleTraceFile());
  return runText.replay(result.replay, machine.cat('/proc/buddyinfo'));
};

const stress: Part = async (machine, result) => {
  const progress = new Progress();
  result.stress = await runStress(machine, {
    workload: 'mixed',
    seconds: STRESS_SECONDS,
    seed: STRESS_SEED,
    onProgress: ({ seconds, of, operations }) => {
      progress.update(
        `stress: ${seconds.toFixed(0)} of ${of} s, ${(operations / 1e6).toFixed(1)} million operations`,
      );
    },
  });
  progress.done();
  if (result.stress.failure !== undefined)
    throw new Error(`the stress failed: ${result.stress.failure.message}`);
  return runText.stress(result.stress, machine.cat('/proc/buddyinfo'));
};

const audit: Part = async (machine, result) => {
  result.audit = await machine.audit();
  return runText.audit(result.audit);
};

/** On a machine of its own: on threads that have just been stressed, other code would be measured. */
const bench: Part = async (_machine, result) => {
  const progress = new Progress();
  await using machine = await Machine.boot();
  result.bench = await benchPages(machine, {
    ...BENCH,
    onRow: ({ workload, cpus }, index, rows) => {
      progress.update(`bench: ${index + 1} of ${rows}: ${workload}, CPUs: ${cpus.length}`);
    },
  });
  progress.done();
  const { violations } = await machine.audit();
  if (violations.length > 0) throw new Error('the audit after the bench found violations');
  return runText.bench(result.bench, describeHost());
};

function isFine({ replay: replayed, stress: stressed, audit: audited }: RunResult): boolean {
  return replayed?.fine === true && stressed?.verdict === 'passed' && audited?.violations.length === 0;
}

/** Errors of the machine have the kernel's report with them. */
function isReporting(error: unknown): error is Error & { readonly report: string | undefined } {
  return error instanceof CpuError || error instanceof MachinePanicError;
}

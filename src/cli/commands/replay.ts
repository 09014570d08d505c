import { type Command, InvalidArgumentError, Option } from 'commander';
import { Machine } from '../../machine/machine.js';
import { DEFAULT_PRESET } from '../../machine/presets.js';
import { type TraceReplay } from '../../trace/replay-result.js';
import { replayTrace } from '../../trace/replay.js';
import { type ReplayedEvents } from '../../trace/trace-compiler.js';
import { EXIT_FINE, EXIT_FOUND, type Outcome, print, printJson, Progress, UsageError } from '../output.js';
import { machineFacts, machineLine } from '../render-machine.js';
import { count } from '../render-number.js';
import { replayText, replayVerdict } from '../render-replay.js';
import { type WasteKey, wasteTable } from '../render-waste.js';

/** How often a short trace is run again to measure a warm machine. */
export const REPLAY_PASSES = 10;

/** Rows of the table of --by, unless it is told another number. */
const DEFAULT_TOP = 10;

const EXAMPLE = 'Example: gfp replay --machine numa4 --by cache trace.ftrace.gz\n';

const EXPLANATION = `
FILE is what ftrace or perf script has printed, plain or gzip, for example of the events kmem:*. Its page events, and
those of objects (kmalloc, kmem_cache_alloc and their frees), run on the machine's CPUs at the same time: the events of
trace CPU n on the n-th CPU, counted across the nodes. Each free comes after its allocation. Several files are replayed
one after another on the same machine; what a trace leaves allocated is freed at its end, after everything was counted.
A trace of up to 262,144 events is then run ${REPLAY_PASSES} more times to measure a warm machine.

Each cache of the trace gets one of its name and object size (bytes_req), aligned to cache lines where bytes_alloc tells
so; it is destroyed at the end. An object goes back to where it came from, whatever the trace freed it with, and at the
latest when the trace gives its address again: traces lack what is freed in bulk. An object too large for this kmalloc
is pages, as in newer kernels. Note that the traced kernel's slabs and large objects were pages, and are among its page
events, too: with --events all, which is the default, the machine allocates memory for both. For the memory of one kind
only, take --events pages or --events objects.

What is given for objects but not asked for is wasted. Both kernels are compared, on the same requests and by the rules
of perf kmem stat; --by cache or --by caller shows where, the largest waste of this machine first. What slabs keep free
is not in it.

--json prints { machine, replays, fine }:
  machine  name, nodes, cpus, memory (bytes)
  replays  of each file: trace (lines, events, kmemEvents, otherEvents, lostEvents, unknownFlags, cpus, objects,
           pages), events (all, pages, objects), cpus (cpu, node, events, allocs, frees, failures, skippedFrees,
           pagesAllocated, pagesFreed, objectAllocs, objectFrees, objectFailures, skippedObjectFrees, largePages, waits,
           busySeconds, waitSeconds, eventsPerSecond), total, live (blocks, pages, traceBlocks, tracePages, failedBlocks,
           missingFrees, objects, traceObjects, failedObjects, missingObjectFrees, largePages, slabPages, machinePages,
           agree), waste (total, byCache and byCaller: name, allocations, requestedBytes, tracedBytes,
           tracedWastedBytes, givenBytes, wastedBytes; null with --events pages), caches (created, failed, left),
           speed (readSeconds, linesPerSecond, busySeconds, eventsPerSecondPerCpu, warmEventsPerSecondPerCpu,
           warmPasses, totalSeconds), numa (node and its counters), before and after (node, zone, freeBlocks,
           unusableIndex), audit (violations), leakedPages, fine
  fine     whether all replays are

Exit code: 0 fine (allocations that a small machine cannot fulfil are counted, not errors), 1 the audit or the
counts are wrong or the machine failed, 2 bad usage, or a file that cannot be read as a trace.`;

interface Options {
  readonly machine: string;
  readonly cpus?: number;
  readonly events: ReplayedEvents;
  readonly by?: WasteKey;
  readonly top: number;
  readonly json?: boolean;
}

/** Adds `gfp replay`. */
export function addReplay(program: Command, outcome: Outcome): void {
  program
    .command('replay')
    .description('Replay what a real kernel allocated, from its trace.')
    .argument('<file...>', 'traces, plain or gzip')
    .option('--machine <preset|file>', 'machine', DEFAULT_PRESET)
    .option('--cpus <n>', 'how many CPUs of the machine take part (default: all)', parseCount)
    .addOption(
      new Option('--events <kind>', 'which events run').choices(['all', 'pages', 'objects']).default('all'),
    )
    .addOption(
      new Option('--by <key>', 'print the bytes wasted by each cache or caller').choices(['cache', 'caller']),
    )
    .option('--top <n>', 'how many rows --by prints', parseCount, DEFAULT_TOP)
    .option('--json', 'print JSON')
    .addHelpText('before', EXAMPLE)
    .addHelpText('after', EXPLANATION)
    .action(async (files: string[], options: Options) => {
      outcome.exitCode = await replayCommand(files, options);
    });
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of at least 1.');
}

async function replayCommand(files: readonly string[], options: Options): Promise<number> {
  await using machine = await Machine.boot(options.machine);
  const facts = machineFacts(machine, options.machine);
  if (options.cpus !== undefined && options.cpus > facts.cpus) {
    throw new UsageError(`--cpus ${options.cpus}: machine ${facts.name} has ${facts.cpus} CPUs`);
  }
  if (options.by !== undefined && options.events === 'pages') {
    throw new UsageError('--by tells about objects: they do not run with --events pages');
  }
  const isText = options.json !== true;
  const replays: TraceReplay[] = [];
  for (const file of files) {
    const replay = await replayWithProgress(machine, file, options);
    if (isText && replays.length === 0) print(machineLine(facts));
    if (isText) print(`\n${replayText(replay)}`);
    if (isText && options.by !== undefined && replay.waste !== null) {
      print(`\n${wasteTable(replay.waste, options.by, options.top)}`);
    }
    replays.push(replay);
  }
  const fine = replays.every((replay) => replay.fine);
  if (isText) print(`\n${replays.map(replayVerdict).join('\n')}`);
  else printJson({ machine: facts, replays, fine });
  return fine ? EXIT_FINE : EXIT_FOUND;
}

/** Replays a trace; a terminal sees how far it is. */
export async function replayWithProgress(
  machine: Machine,
  file: string,
  { cpus, events }: { readonly cpus?: number; readonly events?: ReplayedEvents } = {},
): Promise<TraceReplay> {
  const progress = new Progress();
  try {
    return await replayTrace(machine, file, {
      cpus,
      events,
      again: REPLAY_PASSES,
      onProgress: ({ lines, events: run }) => {
        progress.update(`${file}: ${count(lines)} lines read, ${count(run)} events replayed`);
      },
    });
  } finally {
    progress.done();
  }
}

import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { describeHost } from '../../src/lab/bench-host.js';
import { alignTable, benchHostLine } from '../../src/lab/bench-table.js';
import { sampleTraceFile } from '../../src/trace/sample-trace.js';
import { GROUP_NAMES, type GroupName } from './groups.js';
import { benchLocks } from './locks.js';
import type { BenchSettings, Target } from './target.js';

const HELP = `Example: npm run bench -- --quick --trace build.ftrace.gz

Measures what gfp promises, and prints a table. Takes about two minutes, on a computer that does nothing else.

  --quick         leave out the minute of stress
  --only <name>   one of ${GROUP_NAMES.join(', ')}, locks; can be given several times
  --trace <file>  read and replay this trace as well as the sample; can be given several times
  --help`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    trace: { type: 'string', multiple: true, default: [] },
  },
});

const names: readonly string[] = [...GROUP_NAMES, 'locks'];
const unknown = values.only.find((name) => !names.includes(name));

if (values.help) {
  console.log(HELP);
} else if (unknown !== undefined) {
  console.error(`--only ${unknown}: right are ${names.join(', ')}`);
  process.exitCode = 2;
} else {
  const traces = [sampleTraceFile(), ...values.trace.map((file) => resolve(file))];
  await main(values.only, { quick: values.quick, traces });
}

async function main(only: readonly string[], settings: BenchSettings): Promise<void> {
  const isWanted = (name: string): boolean => only.length === 0 || only.includes(name);
  console.log(benchHostLine(describeHost()));
  console.log('medians; a miss on a computer that does other work as well proves nothing\n');
  const targets: Target[] = [];
  for (const name of GROUP_NAMES) {
    if (isWanted(name)) targets.push(...(await runGroup(name, settings)));
  }
  if (targets.length > 0) printTargets(targets);
  // Locks have no target of their own; their costs explain those above.
  if (isWanted('locks')) await printLocks();
}

/** Each group has a process of its own: none meets compiled code or memory that another has left. */
async function runGroup(name: GroupName, settings: BenchSettings): Promise<Target[]> {
  const script = fileURLToPath(new URL('./run-group.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, name, JSON.stringify(settings)]);
  return JSON.parse(stdout) as Target[];
}

function printTargets(targets: readonly Target[]): void {
  const rows = targets.map(({ name, measured, limit, met, note = '' }) => {
    const verdict = met === undefined ? '-' : met ? 'met' : 'MISSED';
    return [name, measured, limit, verdict, note];
  });
  const headings = ['target', 'measured', 'limit', '', 'details'];
  console.log(alignTable([headings, ...rows], new Set([0, 1, 2, 3, 4])).join('\n'));
}

async function printLocks(): Promise<void> {
  const rows = (await benchLocks()).map(({ what, threads, nanoseconds, atomicAdds }) => [
    what,
    String(threads),
    nanoseconds.toFixed(1),
    atomicAdds.toFixed(1),
  ]);
  const headings = ['lock', 'threads', 'ns', 'in Atomics.add'];
  console.log(`\n${alignTable([headings, ...rows], new Set([0])).join('\n')}`);
}

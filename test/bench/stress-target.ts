import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BenchSettings, Target } from './target.js';

const SECONDS = 60;
const CPUS = 8;
const FAULTS = ['offline:3@10+10', 'offline:5@15+20', 'offline:6@45'];

/** A minute of stress on 8 CPUs, of which some are unplugged meanwhile. */
export async function stressTargets({ quick }: BenchSettings): Promise<Target[]> {
  const target = {
    name: `${SECONDS} s of stress, ${CPUS} CPUs, offline faults, audit`,
    limit: 'no violation',
  };
  if (quick) return [{ ...target, measured: 'left out (--quick)', met: undefined }];
  const faults = FAULTS.flatMap((fault) => ['--fault', fault]);
  const args = ['stress', '--cpus', String(CPUS), '--seconds', String(SECONDS), '--seed', '1', ...faults];
  const { code, output } = await gfp(args);
  const verdict = code === 0 ? 'no violation' : `exit code ${code}`;
  return [{ ...target, measured: verdict, met: code === 0, note: output.trim().split('\n').at(-1) ?? '' }];
}

/** Runs the command; what it printed and its exit code. */
async function gfp(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const script = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stderr, child.stdout]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => (output += text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

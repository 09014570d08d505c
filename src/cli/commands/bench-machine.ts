import type { BenchHost } from '../../lab/bench-host.js';
import { Machine } from '../../machine/machine.js';
import { EXIT_FINE, EXIT_FOUND, print, printJson, Progress, verdict } from '../output.js';
import { chooseMachine, type TypedBench, type TypedMachineBench } from './bench-options.js';

/**
 * Boots the machine that is wanted, and halts it when the bench has come to an end, however.
 *
 * @param cpus the numbers of CPUs that are wanted; undefined: the bench's own
 * @param bench measures and prints; gets the name of the machine, too. Returns the exit code
 */
export async function benchOnMachine(
  typed: TypedMachineBench,
  cpus: readonly number[] | undefined,
  bench: (machine: Machine, name: string, progress: Progress) => Promise<number>,
): Promise<number> {
  const { config, name } = chooseMachine(typed, cpus);
  const machine = await Machine.boot(config);
  const progress = new Progress();
  try {
    return await bench(machine, name, progress);
  } finally {
    progress.done();
    await machine.halt();
  }
}

/** What `--json` prints, among more, of a bench whose machine is audited afterwards. */
export interface AuditedReport {
  readonly host: BenchHost;
  readonly machine: { readonly name: string; readonly nodes: number; readonly cpus: number };
  readonly settings: { readonly repeats: number; readonly sampleMs: number };
  readonly audit: { readonly violations: number };
}

/**
 * Prints what was measured and what the audit has found; the exit code.
 *
 * @param printRows prints all but the audit
 */
export function printAudited<Report extends AuditedReport>(
  { json }: TypedBench,
  report: Report,
  printRows: (report: Report) => void,
): number {
  const { violations } = report.audit;
  const fine = violations === 0;
  if (json === true) {
    printJson(report);
  } else {
    printRows(report);
    print(`\naudit: ${verdict(fine, fine ? 'no violation' : `${violations} violations`)}`);
  }
  return fine ? EXIT_FINE : EXIT_FOUND;
}

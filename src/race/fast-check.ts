/**
 * gfp/race/fast-check: programs for the page allocator, made up and shrunk by fast-check, explored by gfp/race.
 *
 * @packageDocumentation
 */
import fc, { type Arbitrary } from 'fast-check';
import type * as programs from './self/kernel/allocator-program.js';
import type { AllocatorOperation, AllocatorProgram } from './self/kernel/allocator-program.js';
import type { MachineScenario, SourcePatch } from './scenario.js';
import { loadInstrumented } from './transform/load.js';

export type { AllocatorOperation, AllocatorProgram };

/** How large programs become. */
export interface ProgramSize {
  /** CPUs of a program, at most; default 3. */
  readonly cpus?: number;
  /** Operations of a CPU, at most; default 5. */
  readonly operations?: number;
  /** Largest order of a block; default 2. */
  readonly order?: number;
}

const SLOTS = 3;
const BOXES = 2;

/**
 * Programs of operations on the page allocator, one for each CPU. When a property fails, fast-check shrinks the program
 * while the explorer shrinks the schedule of each attempt: what is left is small in both.
 */
export function allocatorPrograms({
  cpus = 3,
  operations = 5,
  order = 2,
}: ProgramSize = {}): Arbitrary<AllocatorProgram> {
  const slot = fc.nat({ max: SLOTS - 1 });
  const operation: Arbitrary<AllocatorOperation> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('alloc' as const), slot, order: fc.nat({ max: order }) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('free' as const), slot }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('exchange' as const), slot, box: fc.nat({ max: BOXES - 1 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  );
  return fc.array(fc.array(operation, { minLength: 1, maxLength: operations }), {
    minLength: 1,
    maxLength: cpus,
  });
}

/**
 * A program as a scenario for `explore`: after each execution no page may be lost, or have been handed out twice.
 *
 * @param patches changes of the kernel, for a mutant
 */
export async function allocatorScenario(
  program: AllocatorProgram,
  patches: readonly SourcePatch[] = [],
): Promise<MachineScenario> {
  const url = new URL('./self/kernel/allocator-program.js', import.meta.url);
  const instrumented = (await loadInstrumented(url)) as typeof programs;
  return instrumented.allocatorScenario(program, patches);
}

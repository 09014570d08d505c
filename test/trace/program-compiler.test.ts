import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';

import {
  ARGUMENT_SHIFT,
  KIND_CACHE,
  OP_ALLOC,
  OP_CROSS,
  OP_FREE,
  OPERATION_WORDS,
  type ProgramBatch,
} from '../../src/trace/program.js';
import { ProgramCompiler } from '../../src/trace/program-compiler.js';

interface Step {
  alloc: boolean;
  cpu: number;
  pfn: number;
  order: number;
}

/** What a trace means, said simply: pairs of an allocation's index and the CPU of its free. */
function expectedFrees(steps: readonly Step[]): { alloc: number; cpu: number }[] {
  const live = new Map<number, number>();
  const frees: { alloc: number; cpu: number }[] = [];
  for (const [at, { alloc, cpu, pfn }] of steps.entries()) {
    const known = live.get(pfn);
    if (alloc) {
      live.set(pfn, at);
    } else if (known !== undefined) {
      frees.push({ alloc: known, cpu });
      live.delete(pfn);
    }
  }
  return frees;
}

/**
 * Runs batches on a simulated machine whose CPUs go on in any order that `choose` likes, and checks each operation
 * against the trace: which allocation fills a slot, and which one the free finds there.
 */
class ReferenceMachine {
  readonly freed: number[][];
  readonly #slots: (number | undefined)[] = [];
  readonly #allocs: number[][];
  readonly #steps: readonly Step[];

  constructor(cpus: number, steps: readonly Step[]) {
    this.#steps = steps;
    this.freed = Array.from({ length: cpus }, () => []);
    this.#allocs = this.freed.map((_, cpu) =>
      [...steps.keys()].filter((at) => steps[at].alloc && steps[at].cpu % cpus === cpu),
    );
  }

  run(batch: ProgramBatch, choose: (count: number) => number): void {
    const positions = batch.programs.map(() => 0);
    const filledHere = new Map<number, { cpu: number; cross: boolean }>();
    while (true) {
      const active = [...positions.keys()].filter((cpu) => positions[cpu] < batch.programs[cpu].length);
      if (active.length === 0) return;
      const ready = active.filter((cpu) => !this.#mustWait(batch.programs[cpu], positions[cpu]));
      expect(ready).not.toEqual([]);
      const cpu = ready[choose(ready.length)];
      this.#execute(cpu, batch, positions[cpu], filledHere);
      positions[cpu] += OPERATION_WORDS;
    }
  }

  #mustWait(program: Int32Array, at: number): boolean {
    const isCrossFree = (program[at] & (OP_FREE | OP_CROSS)) === (OP_FREE | OP_CROSS);
    return isCrossFree && this.#slots[program[at + 2]] === undefined;
  }

  #execute(
    cpu: number,
    batch: ProgramBatch,
    at: number,
    filledHere: Map<number, { cpu: number; cross: boolean }>,
  ): void {
    const program = batch.programs[cpu];
    const word = program[at];
    const slot = program[at + 2];
    const cross = (word & OP_CROSS) !== 0;
    expect(slot).toBeLessThan(batch.slots);
    if ((word & OP_ALLOC) !== 0) {
      expect(this.#slots[slot]).toBeUndefined();
      const step = this.#allocs[cpu].shift()!;
      expect(program[at + 1]).toBe(step + 1);
      expect(word >>> ARGUMENT_SHIFT).toBe(this.#steps[step].order);
      this.#slots[slot] = step;
      filledHere.set(slot, { cpu, cross });
      return;
    }
    const step = this.#slots[slot];
    expect(step).toBeDefined();
    expect(word >>> ARGUMENT_SHIFT).toBe(this.#steps[step!].order);
    // Plain memory accesses are only right if the other end is on this CPU or in an earlier batch.
    const filled = filledHere.get(slot);
    expect(cross).toBe(filled !== undefined && filled.cpu !== cpu);
    if (filled !== undefined) expect(filled.cross).toBe(cross);
    this.freed[cpu].push(step!);
    this.#slots[slot] = undefined;
    filledHere.delete(slot);
  }

  get live(): number {
    return this.#slots.filter((slot) => slot !== undefined).length;
  }
}

/** Compiles the steps; the mask of an allocation is its index plus 1, so that it can be recognised. */
function compile(steps: readonly Step[], cpus: number, batchOperations: number) {
  const compiler = new ProgramCompiler(cpus, batchOperations);
  const batches: ProgramBatch[] = [];
  for (const [at, { alloc, cpu, pfn, order }] of steps.entries()) {
    if (alloc) compiler.alloc(cpu, pfn, order, at + 1);
    else compiler.free(cpu, pfn);
    if (compiler.isFull) batches.push(compiler.takeBatch());
  }
  if (!compiler.isEmpty) batches.push(compiler.takeBatch());
  return { compiler, batches };
}

const steps = fc.array(
  fc.record({
    alloc: fc.boolean(),
    cpu: fc.nat({ max: 4 }),
    pfn: fc.nat({ max: 12 }),
    order: fc.nat({ max: 10 }),
  }),
  { maxLength: 150 },
);
const cpuCount = fc.integer({ min: 1, max: 6 });
const batchSize = fc.integer({ min: 1, max: 60 });

describe('a compiled trace', () => {
  test.prop([steps, cpuCount, batchSize, fc.infiniteStream(fc.nat())])(
    'frees exactly what it allocated, in every interleaving',
    (steps, cpus, batchOperations, choices) => {
      const { compiler, batches } = compile(steps, cpus, batchOperations);
      const machine = new ReferenceMachine(cpus, steps);
      const choose = (count: number): number => (choices.next().value ?? 0) % count;
      for (const batch of batches) machine.run(batch, choose);
      const expected = expectedFrees(steps);
      for (const [cpu, freed] of machine.freed.entries()) {
        expect(freed).toEqual(expected.filter((free) => free.cpu % cpus === cpu).map(({ alloc }) => alloc));
      }
      const allocs = steps.filter(({ alloc }) => alloc).length;
      expect(machine.live).toBe(allocs - expected.length);
      expect(compiler.totals().pages).toMatchObject({
        allocs,
        frees: expected.length,
        unmatchedFrees: steps.length - allocs - expected.length,
      });
      for (const batch of compiler.releaseAll()) machine.run(batch, choose);
      expect(machine.live).toBe(0);
    },
  );

  test.prop([steps, cpuCount, batchSize])(
    'comes in bounded batches of shared memory, with bounded slots',
    (steps, cpus, batchOperations) => {
      const { batches } = compile(steps, cpus, batchOperations);
      let live = 0;
      for (const [sequence, batch] of batches.entries()) {
        expect(batch.sequence).toBe(sequence);
        expect(batch.operations).toBeLessThanOrEqual(batchOperations);
        expect(batch.programs).toHaveLength(cpus);
        const words = batch.programs.reduce((sum, program) => sum + program.length, 0);
        expect(words).toBe(batch.operations * OPERATION_WORDS);
        for (const program of batch.programs) {
          expect(program.buffer).toBeInstanceOf(SharedArrayBuffer);
          for (let at = 0; at < program.length; at += OPERATION_WORDS)
            live += program[at] & OP_ALLOC ? 1 : -1;
        }
      }
      const slots = batches.at(-1)?.slots ?? 0;
      const lives = batches.map(({ slots }) => slots);
      expect(lives).toEqual([...lives].sort((a, b) => a - b));
      expect(slots).toBeGreaterThanOrEqual(live);
      expect(slots).toBeLessThanOrEqual(13 + steps.length + batchOperations);
    },
  );

  it('uses slots again, so that a long trace with little live needs few', () => {
    const compiler = new ProgramCompiler(2, 1000);
    for (let i = 0; i < 100_000; i++) {
      compiler.alloc(0, i, 0, 0);
      compiler.free(1, i);
      if (compiler.isFull) compiler.takeBatch();
    }
    expect(compiler.totals().slots).toBe(500);
  });

  it('knows objects by other keys than pages, and frees each as what it is', () => {
    const compiler = new ProgramCompiler(1);
    const content = KIND_CACHE | (5 << ARGUMENT_SHIFT);
    compiler.alloc(0, 7, 3, 0);
    compiler.allocObject(0, 7, content, 0, 0x10);
    compiler.freeObject(0, 7);
    compiler.freeObject(0, 7);
    expect([...compiler.takeBatch().programs[0]]).toEqual([
      ...[OP_ALLOC | (3 << ARGUMENT_SHIFT), 0, 0],
      ...[OP_ALLOC | content, 0x10, 1],
      ...[OP_FREE | content, 0, 1],
    ]);
    expect(compiler.totals().objects).toEqual({ allocs: 1, frees: 1, unmatchedFrees: 1, missingFrees: 0 });
    const [rest] = compiler.releaseAll();
    expect([...rest.programs[0]]).toEqual([OP_FREE | (3 << ARGUMENT_SHIFT), 0, 0]);
  });

  it('frees an object before it allocates at the same address again', () => {
    const compiler = new ProgramCompiler(2);
    compiler.allocObject(0, 7, KIND_CACHE, 0, 0);
    compiler.allocObject(1, 7, KIND_CACHE, 0, 0);
    expect(compiler.takeBatch().programs.map((program) => [...program])).toEqual([
      [OP_ALLOC | OP_CROSS | KIND_CACHE, 0, 0],
      [OP_FREE | OP_CROSS | KIND_CACHE, 0, 0, OP_ALLOC | KIND_CACHE, 0, 1],
    ]);
    expect(compiler.totals().objects).toEqual({ allocs: 2, frees: 0, unmatchedFrees: 0, missingFrees: 1 });
  });

  it('gives a block that is allocated again a slot of its own', () => {
    const { compiler, batches } = compile(
      [
        { alloc: true, cpu: 0, pfn: 7, order: 1 },
        { alloc: true, cpu: 0, pfn: 7, order: 2 },
        { alloc: false, cpu: 0, pfn: 7, order: 2 },
      ],
      1,
      100,
    );
    expect(compiler.totals().pages).toEqual({ allocs: 2, frees: 1, unmatchedFrees: 0, missingFrees: 1 });
    expect(compiler.totals().slots).toBe(2);
    expect([...batches[0].programs[0]]).toEqual([
      OP_ALLOC | (1 << ARGUMENT_SHIFT),
      1,
      0,
      OP_ALLOC | (2 << ARGUMENT_SHIFT),
      2,
      1,
      OP_FREE | (2 << ARGUMENT_SHIFT),
      0,
      1,
    ]);
  });

  it.each([
    [0, 1],
    [1.5, 1],
    [65_537, 1],
    [1, 0],
  ])('cannot be for %d CPUs with %d operations a batch', (cpus, operations) => {
    expect(() => new ProgramCompiler(cpus, operations)).toThrow(/it must be an integer/);
  });
});

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BenchHeap } from '../../src/lab/kmalloc-bench-heap.js';
import { compileNative, type NativeProgram, NoCompilerError } from '../../src/lab/kmalloc-bench-native.js';
import { newKmallocTask } from '../../src/lab/kmalloc-bench-task.js';
import { createKmallocWork } from '../../src/lab/kmalloc-bench-work.js';
import {
  KMALLOC_WORKLOAD_NAMES,
  type KmallocWorkload,
  whyNotKmalloc,
} from '../../src/lab/kmalloc-bench-workload.js';

/** Both programs do the same: the same sizes and objects, in the same order. */

const ROUNDS = 4;

const CASES = KMALLOC_WORKLOAD_NAMES.flatMap((workload) =>
  [1, 2, 3]
    .filter((threads) => whyNotKmalloc(workload, threads) === undefined)
    .map((threads) => ({ workload, threads })),
);

/** What a thread did, as the C program prints it with -DCHECK. */
class Recorder implements BenchHeap {
  readonly #position: number;
  readonly live: Set<number>;
  checksum = 0;
  mallocs = 0;
  frees = 0;

  /** @param live what all threads together have not freed */
  constructor(position: number, live: Set<number>) {
    this.#position = position;
    this.live = live;
  }

  kmalloc(size: number): number {
    const object = ((this.#position << 24) | ++this.mallocs) >>> 0;
    this.live.add(object);
    this.#mix(size);
    return object;
  }

  kfree(object: number): void {
    // Whoever frees what is not there makes the counts differ.
    if (this.live.delete(object)) this.frees++;
    this.#mix(~object);
  }

  poll(): void {}

  toString(): string {
    return `${this.checksum >>> 0} ${this.mallocs} ${this.frees}`;
  }

  #mix(value: number): void {
    this.checksum = Math.imul(this.checksum ^ value, 0x01000193);
  }
}

/** Runs the threads one after the other: no round waits for another one. */
function record(workload: KmallocWorkload, threads: number): { heaps: Recorder[]; left: number } {
  const task = newKmallocTask(workload, threads, 1);
  const live = new Set<number>();
  const heaps = Array.from({ length: threads }, (_, position) => new Recorder(position, live));
  const works = heaps.map((heap, position) => createKmallocWork({ heap, write: () => {} }, task, position));
  for (const work of works) work.begin();
  for (let round = 0; round < ROUNDS; round++) for (const work of works) work.round();
  for (const work of works) work.finish();
  for (const work of works) work.end();
  return { heaps, left: live.size };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

let program: NativeProgram | undefined;

beforeAll(async () => {
  try {
    program = await compileNative(['-DCHECK', '-Wall', '-Wextra', '-Werror']);
  } catch (error) {
    // Without a compiler there is nothing to compare with; a program that does not compile is an error.
    if (!(error instanceof NoCompilerError) || !error.message.startsWith('there is no')) throw error;
  }
});

afterAll(async () => {
  await program?.remove();
});

it.each(CASES)(
  '$workload with $threads threads frees all, and is the same in C',
  async ({ workload, threads }) => {
    const { heaps, left } = record(workload, threads);
    expect(left).toBe(0);
    expect(sum(heaps.map(({ frees }) => frees))).toBe(sum(heaps.map(({ mallocs }) => mallocs)));
    if (program === undefined) return;
    const args = [workload, String(threads), String(ROUNDS)];
    const { stdout } = await promisify(execFile)(program.file, args);
    expect(stdout.trim().split('\n')).toEqual(heaps.map(String));
  },
);

it('says when there is no compiler', async () => {
  const error = await compileNative([], ['no-such-cc', 'no-such-gcc']).catch((reason: unknown) => reason);
  expect(error).toEqual(new NoCompilerError('there is no C compiler (no-such-cc, no-such-gcc)'));
});

it.runIf(process.platform === 'linux')('says what the compiler complains about', async () => {
  await expect(compileNative([], ['false'])).rejects.toThrow(/^false cannot compile the bench/);
});

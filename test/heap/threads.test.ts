import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type HeapOptions, SharedHeap } from 'gfp/heap';
import { afterEach, describe, expect, it } from 'vitest';

const MIB = 1024 ** 2;
const MODULE = new URL('../fixtures/heap/thread.mjs', import.meta.url);

describe('a heap of several threads', () => {
  let heap: SharedHeap;
  const control = new SharedArrayBuffer(4096);
  const state = new Int32Array(control);
  const create = (options: Partial<HeapOptions> = {}): void => {
    state.fill(0);
    heap = SharedHeap.create({ size: 16 * MIB, threads: 4, ...options });
  };
  afterEach(() => heap.close());

  let seed = 1;
  interface Thread {
    readonly worker: Worker;
    readonly end: Promise<unknown>;
  }
  const start = async (work: string, options: { trackUnmanagedFds?: boolean } = {}): Promise<Thread> => {
    const workerData = { handle: heap.handle, control, work, seed: seed++ };
    const worker = new Worker(MODULE, { ...options, workerData });
    const end = once(worker, 'exit');
    await once(worker, 'message');
    return { worker, end };
  };

  it('frees in one thread what another one allocated', async () => {
    for (const debug of [false, true]) {
      create({ debug });
      const workers = await Promise.all([start('trade'), start('trade')]);
      await Promise.all(workers.map(({ end }) => end));
      expect(state[1]).toBe(0);
      for (const pointer of new Int32Array(control, 16)) heap.free(pointer);
      expect(heap.check()).toEqual({ problems: [], live: [] });
      expect(heap.stats()).toMatchObject({ used: 0, threads: { limit: 4, attached: [0] } });
    }
  });

  it('goes on when threads are terminated inside, at any moment', async () => {
    create();
    const rounds = 5;
    let others = await Promise.all([start('hammer'), start('hammer')]);
    for (let round = 0; round < rounds; round++) {
      const began = state[0];
      while (state[0] < began + 2000) await new Promise((resolve) => setTimeout(resolve, 1));
      const gone = others.map(({ worker }) => worker.terminate());
      // This thread does not leave its loop: it finds for itself that the others are dead.
      for (let i = 0; i < 300; i++) {
        const pointers = [40, 400, 4000, 40_000].map((size) => heap.malloc(size));
        for (const pointer of pointers) heap.free(pointer);
      }
      expect(heap.check().problems).toEqual([]);
      await Promise.all(gone);
      others = await Promise.all([start('hammer'), start('hammer')]);
    }
    await Promise.all(others.map(({ worker }) => worker.terminate()));
    expect(state[1]).toBe(0);
    const { classes, threads } = heap.stats();
    expect(threads.attached).toEqual([0]);
    // What each had is still allocated: a hundred objects, one that it was about to get or give back, one of the allocator's.
    const used = classes.reduce((sum, objects) => sum + objects.used, 0);
    expect(used).toBeLessThanOrEqual((rounds + 1) * 2 * 102);
    expect(heap.check().problems).toEqual([]);
  });

  it('gives the place of a thread that has ended to the next one', async () => {
    create({ threads: 2 });
    for (const trackUnmanagedFds of [true, false]) {
      for (let i = 0; i < 2; i++) await (await start('end', { trackUnmanagedFds })).end;
    }
    expect(heap.stats().classes.find(({ size }) => size === 1024)?.used).toBe(4);
    const second = await start('hammer');
    const third = new Worker(MODULE, { workerData: { handle: heap.handle, control, work: 'end', seed: 1 } });
    const [error] = (await once(third, 'error')) as [Error];
    expect(error.message).toMatch(/places for 2 threads; all are taken/);
    await second.worker.terminate();
  });
});

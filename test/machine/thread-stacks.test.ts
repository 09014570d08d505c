import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { stacksOfThreads, type ThreadStack } from '../../src/machine/thread-stacks.js';

/** Says that it begins, and then does one thing for ever. */
const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const word = new Int32Array(new SharedArrayBuffer(4));
  function loopForEver() { while (true) Atomics.add(word, 0, 1); }
  function waitForEver() { Atomics.wait(word, 0, 0); }
  function waitForMessages() { parentPort.on('message', () => {}); }
  parentPort.postMessage('begins');
  ({ loopForEver, waitForEver, waitForMessages })[workerData]();
`;

const workers: Worker[] = [];

async function start(what: string, name = 'WorkerThread'): Promise<Worker> {
  const worker = new Worker(WORKER, { eval: true, workerData: what, name });
  workers.push(worker);
  await once(worker, 'message');
  return worker;
}

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

/**
 * Asks until the thread answers with a stack that fits: at first it may not have the time, nor be where it stays then.
 */
async function waitForStack(thread: number, fits: (stack: string) => boolean): Promise<void> {
  for (;;) {
    const answer = (await stacksOfThreads([thread])).get(thread);
    if (answer !== undefined && 'stack' in answer && fits(answer.stack)) return;
  }
}

const isLooping = (stack: string): boolean => /^Error\n +at (Object\.)?loopForEver \(/.test(stack);
const isWaiting = (stack: string): boolean =>
  /^Error\n(.*Atomics\.wait.*\n)? +at (Object\.)?waitForEver \(/.test(stack);

describe('the stacks of other threads', () => {
  test('are those of a loop and of a wait that never end, which go on', async () => {
    const looping = await start('loopForEver');
    const waiting = await start('waitForEver');
    for (let i = 0; i < 2; i++) {
      await waitForStack(looping.threadId, isLooping);
      await waitForStack(waiting.threadId, isWaiting);
    }
  });

  test('have no function of a thread that waits for messages', async () => {
    const waiting = await start('waitForMessages');
    await waitForStack(waiting.threadId, (stack) => !stack.includes('waitForMessages'));
  });

  test('are told apart, whatever the threads are called', async () => {
    const looping = await start('loopForEver', '[worker 1]');
    const waiting = await start('waitForEver', `[worker ${looping.threadId}]`);
    await Promise.all([waitForStack(looping.threadId, isLooping), waitForStack(waiting.threadId, isWaiting)]);
  });

  test('cannot be had of a thread that is not there', async () => {
    const ended = await start('waitForMessages');
    const { threadId } = ended;
    await ended.terminate();
    const expected: ThreadStack = { problem: 'its thread did not answer within 1000 ms' };
    expect(await stacksOfThreads([threadId])).toEqual(new Map([[threadId, expected]]));
  });

  test('of no threads are none', async () => {
    expect(await stacksOfThreads([])).toEqual(new Map());
  });
});

import type { NodeWorker, Runtime, Session } from 'node:inspector';

/** How long threads may take to answer. Milliseconds. */
const ANSWER_LIMIT_MS = 1000;

/** Enough for a call trace, also with what Node does in between. */
const MAX_FRAMES = 40;

/** Innermost frames that are this expression's own. */
const OWN_FRAMES = 2;

const STACK = `(() => {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = ${MAX_FRAMES + OWN_FRAMES};
  const { stack } = new Error();
  Error.stackTraceLimit = limit;
  return stack;
})()`;

/** The JavaScript stack of a thread as `Error.stack` has it, or in a few words why it could not be had. */
export type ThreadStack = { readonly stack: string } | { readonly problem: string };

/**
 * Asks threads of this process for their stacks, in whatever loop or `Atomics.wait` they are. Each answers in the middle
 * of what it does and goes on: nothing stops, so this is also right in a process that is being debugged.
 *
 * Threads must not be terminated meanwhile: V8 forgets a termination that comes while a thread answers, and who waits
 * for that thread's end waits for ever. When the process exits this is seen to.
 *
 * @param threads `threadId` of each, as `node:worker_threads` has it
 * @returns one for each thread, after a second at the latest. Never rejects
 */
export async function stacksOfThreads(threads: readonly number[]): Promise<Map<number, ThreadStack>> {
  const stacks = new Map<number, ThreadStack>();
  if (threads.length === 0) return stacks;
  let problem = `its thread did not answer within ${ANSWER_LIMIT_MS} ms`;
  try {
    // Node can be built without it, and be told to forbid it.
    const { Session } = await import('node:inspector');
    await askThreads(new Session(), threads, stacks);
  } catch (error) {
    problem = `the inspector of Node is not available: ${error instanceof Error ? error.message : String(error)}`;
  }
  for (const thread of threads) if (!stacks.has(thread)) stacks.set(thread, { problem });
  return stacks;
}

/** Fills `stacks` with what is answered in time. */
async function askThreads(
  session: Session,
  threads: readonly number[],
  stacks: Map<number, ThreadStack>,
): Promise<void> {
  session.connect();
  const haveAllAnswered = (): boolean => threads.every((thread) => stacks.has(thread));
  const beforeExit = (): void => {
    waitWithoutEvents(haveAllAnswered);
  };
  process.once('exit', beforeExit);
  await new Promise<void>((resolve) => {
    const timeout = setTimeout(resolve, ANSWER_LIMIT_MS).unref();
    const answer = (thread: number, stack: ThreadStack): void => {
      stacks.set(thread, stack);
      if (!haveAllAnswered()) return;
      clearTimeout(timeout);
      resolve();
    };
    const asked = new Map<string, number>();
    session.on('NodeWorker.attachedToWorker', ({ params }) => {
      const thread = threadOf(params.workerInfo);
      if (!threads.includes(thread)) return;
      asked.set(params.sessionId, thread);
      const expression = { expression: STACK, returnByValue: true } satisfies Runtime.EvaluateParameterType;
      const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: expression });
      session.post('NodeWorker.sendMessageToWorker', { sessionId: params.sessionId, message });
    });
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      const thread = asked.get(params.sessionId);
      if (thread !== undefined) answer(thread, stackIn(params.message));
    });
    session.on('NodeWorker.detachedFromWorker', ({ params }) => {
      const thread = asked.get(params.sessionId);
      if (thread !== undefined && !stacks.has(thread)) answer(thread, { problem: 'its thread ended' });
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  });
  // An answer can come in the middle of whatever this thread does, and Node does not outlive it if the session ends
  // inside of one of its own callbacks.
  await new Promise((resolve) => setImmediate(resolve));
  process.off('exit', beforeExit);
  session.disconnect();
}

/** Waits, a second at most, for what answers bring about. They come although no event does: V8 interrupts the wait. */
function waitWithoutEvents(condition: () => boolean): void {
  const word = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  for (let waited = 0; waited < ANSWER_LIMIT_MS && !condition(); waited++) Atomics.wait(word, 0, 0, 1);
}

/** A worker's title begins with its `threadId`; `workerId` is a number of the session's own. */
function threadOf({ title }: NodeWorker.WorkerInfo): number {
  return Number(/^\[worker (\d+)\]/.exec(title)?.[1] ?? -1);
}

/** What a thread has answered. */
function stackIn(message: string): ThreadStack {
  const { result } = JSON.parse(message) as { result?: Partial<Runtime.EvaluateReturnType> };
  const value: unknown = result?.result?.value;
  if (typeof value !== 'string') return { problem: 'its thread gave none' };
  const [title, ...frames] = value.split('\n');
  return { stack: [title, ...frames.slice(OWN_FRAMES)].join('\n') };
}

import { type Remote, wrap } from 'comlink';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { CpuService, CpuTask } from './cpu-service.js';
import { closeLoadGate, type LoadGate } from './load-gate.js';
import { CpuDiedError, CpuError } from './machine-errors.js';
import type { Outcome } from './outcome.js';

/**
 * The host's end of a CPU's thread: a long-running Piscina task and the Comlink channel to it. When the thread dies,
 * every call that waits for an answer is rejected; none waits for ever.
 */
export class CpuThread {
  readonly cpu: number;
  /** The thread's number in the machine's owner words. */
  readonly thread: number;
  readonly #pool: Piscina;
  readonly #gate: LoadGate;
  readonly #remote: Remote<CpuService>;
  readonly #port: MessagePort;
  /** Resolves when the thread is gone, for whatever reason, and what follows from that was done. */
  readonly ended: Promise<void>;
  #threadId: number | undefined;
  #death: CpuDiedError | undefined;
  #serving: Promise<unknown> | undefined;
  readonly #waiting = new Set<(error: CpuDiedError) => void>();

  /** @param onDeath called once if the thread ends without having been told to */
  constructor(
    pool: Piscina,
    task: CpuTask,
    onDeath: (thread: CpuThread, error: CpuDiedError) => Promise<void>,
  ) {
    this.cpu = task.cpu;
    this.thread = task.thread;
    this.#pool = pool;
    this.#gate = task.gate;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#remote = wrap<CpuService>(port1);
    this.ended = pool.run({ ...task, port: port2 }, { transferList: [port2] }).then(
      () => {
        this.#close(new CpuDiedError(this.cpu, 'the machine was halted'));
      },
      async (reason: unknown) => {
        const error = new CpuDiedError(this.cpu, reason instanceof Error ? reason.message : String(reason));
        this.#close(error);
        await onDeath(this, error);
      },
    );
  }

  /**
   * Calls the CPU's thread.
   *
   * @throws CpuError what the thread's code threw
   * @throws CpuDiedError when the thread dies first, or is dead
   */
  async call(request: (service: Remote<CpuService>) => Promise<Outcome>): Promise<unknown> {
    const outcome = await this.#orDeath(request(this.#remote));
    if (!outcome.ok) throw new CpuError(this.cpu, outcome.error);
    return outcome.value;
  }

  /**
   * Lets the thread serve its idle CPU. It answers when it has nothing else to do, so this waits no longer than `limit`
   * milliseconds; and it is asked no second time before it has answered.
   */
  async serve(limit: number): Promise<void> {
    // When the thread dies, others hear of it.
    this.#serving ??= this.call((service) => service.serve())
      .catch(() => undefined)
      .finally(() => {
        this.#serving = undefined;
      });
    await Promise.race([this.#serving, sleep(limit)]);
  }

  /** Learns which Node thread this is, so that {@link kill} can find it. */
  async identify(): Promise<void> {
    this.#threadId = await this.#orDeath(this.#remote.threadId());
  }

  /** Its `threadId` in Node; undefined before {@link identify}. */
  get nodeThread(): number | undefined {
    return this.#threadId;
  }

  /** Resolves when the thread may be ended: see {@link LoadGate}. */
  mayEnd(): Promise<void> {
    return closeLoadGate(this.#gate, this.ended);
  }

  /** Ends the thread wherever it is, as a crash would. */
  async kill(): Promise<void> {
    await this.mayEnd();
    // If it has died meanwhile, the Node thread may be another one's already.
    if (!this.alive) return;
    const worker = this.#pool.threads.find((thread) => thread.threadId === this.#threadId);
    await worker?.terminate();
  }

  /** Asks the thread to end. */
  halt(): void {
    // The answer never comes when the thread is dead or stuck; `ended` and the pool's end tell instead.
    void this.#orDeath(this.#remote.halt()).catch(() => undefined);
  }

  get alive(): boolean {
    return this.#death === undefined;
  }

  #close(error: CpuDiedError): void {
    this.#death = error;
    this.#port.close();
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  async #orDeath<Value>(answer: Promise<Value>): Promise<Value> {
    if (this.#death !== undefined) throw this.#death;
    let die: (error: CpuDiedError) => void = () => undefined;
    const death = new Promise<never>((_, reject) => {
      die = reject;
      this.#waiting.add(die);
    });
    try {
      return await Promise.race([answer, death]);
    } finally {
      this.#waiting.delete(die);
    }
  }
}

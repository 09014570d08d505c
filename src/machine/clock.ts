import { CPU_AREA, IRQ_TICK, IRQ_TIMER } from '../kernel/core/cpu-area.js';
import { cpu_online } from '../kernel/core/cpu-mask.js';
import { KERNEL_IRQ } from '../kernel/core/interrupt-data.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { needsThread, ringClock } from '../kernel/cpu/clock-bell.js';
import { raiseInterrupt } from '../kernel/cpu/raise-interrupt.js';
import { jiffies } from '../kernel/cpu/jiffies.js';
import { isDue, nextWakeup, timersAreDue } from '../kernel/cpu/tick.js';
import type { Kernel } from '../kernel/kernel.js';
import { type LockupHost, LockupWatch } from './lockup-watch.js';

/** Statistics are folded once a second, as the kernel's vmstat work does. Milliseconds. */
const FOLD_MS = 1000;

/**
 * How many times a CPU that has fallen idle still folds: the first time what it has counted, then until it has given
 * back the pages of other nodes that it does not use.
 */
const FOLDS_WHEN_IDLE = 4;

const BELL = KERNEL.irq + KERNEL_IRQ.at.clock_bell;
const ASLEEP = KERNEL.irq + KERNEL_IRQ.at.clock_asleep;

/** What the clock needs of the machine. */
export interface ClockHost extends LockupHost {
  /** Numbers of all CPUs. */
  readonly cpus: number;
  /** The console's number in the owner words. */
  readonly consoleThread: number;
  /** Lets the thread of an idle CPU serve its interrupts; ends when it has, or is dead. */
  serve(cpu: number): Promise<void>;
}

/**
 * The clock of a machine: interrupts busy CPUs HZ times a second. When all CPUs are idle it sleeps until the first of
 * their timers, or for ever, until somebody in the machine rings its bell.
 */
export class Clock {
  readonly #k: Kernel;
  readonly #host: ClockHost;
  readonly #tickMs: number;
  readonly #lockups: LockupWatch;
  /** For each CPU: how many times it is still to fold statistics. */
  readonly #foldsLeft: number[];
  /** CPUs whose threads are about to serve interrupts. */
  readonly #serving = new Set<number>();
  #lastTick = -Infinity;
  #nextFold = 0;
  #timeout: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param k the console */
  constructor(k: Kernel, host: ClockHost) {
    this.#k = k;
    this.#host = host;
    this.#tickMs = 1000 / k.HZ();
    this.#lockups = new LockupWatch(k, host);
    this.#foldsLeft = new Array<number>(host.cpus).fill(FOLDS_WHEN_IDLE);
  }

  start(): void {
    this.#listen();
  }

  /** Ends the clock. Nobody waits for it then. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timeout);
    this.#lockups.stop();
    ringClock(this.#k);
  }

  /** Looks after all CPUs whenever the bell rings. */
  #listen(): void {
    if (this.#stopped) return;
    const { i32 } = this.#k;
    const seen = Atomics.load(i32, BELL);
    this.#look();
    const rung = Atomics.waitAsync(i32, BELL, seen);
    if (rung.async) {
      void rung.value.then(() => {
        this.#listen();
      });
    } else {
      // It rang while this thread looked. Others have their turn first: they may have caused it.
      setImmediate(() => {
        this.#listen();
      });
    }
  }

  /** Resolves, after a second at most, when the threads of CPUs may be terminated: see {@link LockupWatch.traced}. */
  traced(): Promise<void> {
    return this.#lockups.traced();
  }

  /** Sees what every CPU needs now, and when it is time to look again. */
  #look(): void {
    if (this.#stopped) return;
    const k = this.#k;
    // Before looking: a timer that is added from now on rings, if it is the next one that a CPU wakes for.
    Atomics.store(k.i32, ASLEEP, 1);
    const now = k.platform.now();
    const isTick = now - this.#lastTick >= this.#tickMs;
    let busy = false;
    let next = Infinity;
    for (const cpu of this.#onlineCpus()) {
      if (this.#isBusy(cpu)) {
        busy = true;
        if (isTick) this.#tick(cpu, now);
      } else {
        this.#lockups.forget(cpu);
        next = Math.min(next, this.#lookAtIdle(cpu, now));
      }
    }
    if (isTick) this.#lastTick = now;
    next = Math.min(next, this.#fold(now));
    if (busy) {
      Atomics.store(k.i32, ASLEEP, 0);
      next = Math.min(next, this.#lastTick + this.#tickMs);
    }
    this.#sleepUntil(next, now);
  }

  #sleepUntil(next: number, now: number): void {
    clearTimeout(this.#timeout);
    if (next === Infinity) return;
    const milliseconds = Math.min(Math.max(Math.ceil(next - now), 1), 2 ** 31 - 1);
    this.#timeout = setTimeout(() => {
      this.#look();
    }, milliseconds).unref();
  }

  *#onlineCpus(): Generator<number> {
    for (let cpu = 0; cpu < this.#host.cpus; cpu++) if (cpu_online(this.#k, cpu)) yield cpu;
  }

  #isBusy(cpu: number): boolean {
    return Atomics.load(this.#k.i32, this.#area(cpu) + CPU_AREA.at.owner) !== 0;
  }

  #area(cpu: number): number {
    return this.#k.i32[KERNEL.cpu_area + cpu];
  }

  #tick(cpu: number, now: number): void {
    if (!this.#serving.has(cpu)) this.#foldsLeft[cpu] = FOLDS_WHEN_IDLE;
    const { i32 } = this.#k;
    const area = this.#area(cpu);
    // While the console has the CPU, nobody runs there.
    const runs = Atomics.load(i32, area + CPU_AREA.at.owner) !== this.#host.consoleThread;
    const isServed = (Atomics.load(i32, area + CPU_AREA.at.pending) & IRQ_TIMER) === 0;
    if (!runs || isServed) this.#lockups.forget(cpu);
    else this.#lockups.note(cpu, now);
    raiseInterrupt(this.#k, cpu, IRQ_TIMER);
  }

  /** @returns when it needs something, in milliseconds since boot; Infinity if nothing is known */
  #lookAtIdle(cpu: number, now: number): number {
    const k = this.#k;
    const timer = nextWakeup(k, cpu);
    if (isDue(timer, jiffies(k))) {
      this.#serve(cpu);
      return Infinity;
    }
    if (needsThread(k, this.#area(cpu))) this.#serve(cpu);
    // A jiffy begins a little earlier than now; better late than before it.
    return timer === 0 ? Infinity : now + ((timer - jiffies(k)) | 0) * this.#tickMs;
  }

  /** Once a second, CPUs fold their statistics that have counted something. Returns when to look again. */
  #fold(now: number): number {
    if (now >= this.#nextFold) {
      this.#nextFold = now + FOLD_MS;
      for (const cpu of this.#onlineCpus()) this.#foldCpu(cpu);
    }
    return this.#foldsLeft.some((left) => left > 0) ? this.#nextFold : Infinity;
  }

  #foldCpu(cpu: number): void {
    if (this.#foldsLeft[cpu] === 0) return;
    this.#foldsLeft[cpu]--;
    raiseInterrupt(this.#k, cpu, IRQ_TICK);
    if (!this.#isBusy(cpu)) this.#serve(cpu);
  }

  /** This thread must not wait for locks, so an idle CPU serves its interrupts itself, and runs all timers that are due. */
  #serve(cpu: number): void {
    if (this.#serving.has(cpu)) return;
    this.#serving.add(cpu);
    if (timersAreDue(this.#k, cpu, jiffies(this.#k))) raiseInterrupt(this.#k, cpu, IRQ_TIMER);
    void this.#host.serve(cpu).finally(() => {
      this.#serving.delete(cpu);
      this.#look();
    });
  }
}

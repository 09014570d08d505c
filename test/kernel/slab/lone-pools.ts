import { start_kernel } from '../../../src/kernel/boot.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import { releaseCpu } from '../../../src/kernel/cpu/dispatch.js';
import { attachOwnThread, enterCpu, exitCpu } from '../../../src/kernel/sched/own-task.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../../support/boot-in-process.js';
import { MEMPOOL } from '../../../src/kernel/slab/mempool-chain.js';

/**
 * A machine in one thread with the functions of a pool whose elements are the numbers 1, 2, 3, ... in turn. When a task sleeps, so that
 * nothing would happen any more, `whenAsleep` is called once, after 300 milliseconds.
 */
export class LonePools {
  readonly machine: LoneMachine;
  readonly k: Kernel;
  readonly alloc: number;
  readonly free: number;
  /** Whether there is memory. */
  works = true;
  throws = false;
  private made = 0;
  allocCalls = 0;
  freeCalls = 0;
  /** The masks and the pool_data that the functions have seen. */
  readonly masks: number[] = [];
  readonly data: number[] = [];
  /** The elements that were freed. */
  readonly freed: number[] = [];
  whenAsleep: (() => void) | undefined;

  constructor(changes: Parameters<typeof twoNodes>[1] = {}) {
    this.machine = bootInProcess(twoNodes(32, changes), undefined, start_kernel);
    this.k = this.machine.k;
    const { platform } = this.machine;
    attachOwnThread(this.k, 0, platform.thread);
    releaseCpu(this.k);
    enterCpu(this.k);
    platform.modules.set('alloc@pool', (_, gfp, data) => this.allocElement(gfp, data));
    platform.modules.set('free@pool', (_, element, data) => this.freeElement(element, data));
    this.alloc = this.k.module_symbol('pool', 'alloc');
    this.free = this.k.module_symbol('pool', 'free');
    const wait = platform.wait.bind(platform);
    platform.wait = (word, value, milliseconds) => {
      const action = this.whenAsleep;
      this.whenAsleep = undefined;
      if (action === undefined) wait(word, value, milliseconds);
      else {
        platform.time += 300;
        action();
      }
    };
  }

  create(min_nr: number, pool_data = 0): number {
    return this.k.mempool_create(min_nr, this.alloc, this.free, pool_data);
  }

  minNr(pool: number): number {
    return this.k.i32[pool + MEMPOOL.at.min_nr];
  }

  currNr(pool: number): number {
    return this.k.i32[pool + MEMPOOL.at.curr_nr];
  }

  queue(pool: number): number {
    return pool + MEMPOOL.at.wait;
  }

  /** What the audit finds, which wants the CPUs idle. */
  violations(): unknown[] {
    exitCpu(this.k);
    const { violations } = audit(this.k);
    enterCpu(this.k);
    return [...violations];
  }

  /** As at the beginning, but for pools and their memory. */
  reset(): void {
    this.works = true;
    this.made = 0;
    this.resetCalls();
    this.data.length = 0;
    this.freed.length = 0;
    this.machine.platform.reports.length = 0;
  }

  resetCalls(): void {
    this.allocCalls = 0;
    this.freeCalls = 0;
    this.masks.length = 0;
  }

  private allocElement(gfp: number, data = NaN): number {
    if (this.throws) throw new Error('no element today');
    this.allocCalls++;
    this.masks.push(gfp);
    this.data.push(data);
    return this.works ? ++this.made : 0;
  }

  private freeElement(element: number, data = NaN): number {
    this.freeCalls++;
    this.data.push(data);
    this.freed.push(element);
    return 0;
  }
}

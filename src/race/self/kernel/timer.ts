import { CPU_AREA } from '../../../kernel/core/cpu-area.js';
import { KERNEL } from '../../../kernel/core/kernel-data.js';
import { claimCpu, takeClaimedCpu, unclaimCpu } from '../../../kernel/cpu/ownership.js';
import { TIMER_SOFTIRQ } from '../../../kernel/cpu/softirq.js';
import { nextTimer, nextWakeup } from '../../../kernel/cpu/tick.js';
import { TIMER_LIST } from '../../../kernel/core/interrupt-data.js';
import { takeCpuDown } from '../../../kernel/hotplug.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { stopReaper } from '../../../kernel/slab/reap.js';
import { SCENARIO_MODULE, scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_EXCLUSIVE, NOT_WOKEN, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** A timer of CPU 1, and what another CPU does to it while its time comes. */

const TIMER = 'kernel/cpu/timer';
const RUN = 'kernel/cpu/timer-run';
const T = scratchLine(0);
/** What the function counts in, without any lock. */
const COUNT = scratchLine(1);
/** How often the function has run. */
const RUNS = scratchLine(2);
/** How often the timer was taken back before it ran. */
const DELETED = scratchLine(3);

const FUNCTION = {
  run: (k: Kernel): void => {
    k.i32[COUNT]++;
    Atomics.add(k.i32, RUNS, 1);
  },
};

/** A timer on the last CPU whose time has come. */
function setTimer(k: Kernel): void {
  // There is no other timer.
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) stopReaper(k, cpu);
  k.setup_timer(T, k.module_symbol(SCENARIO_MODULE, 'run'));
  k.i32[T + TIMER_LIST.at.expires] = k.jiffies();
  k.add_timer_on(T, k.i32[KERNEL.nr_cpus] - 1);
}

/** What a clock tick does. */
function runTimers(k: Kernel): void {
  k.raise_softirq(TIMER_SOFTIRQ);
}

/** Takes the timer back, and uses what was its function's. */
function deleteTimer(k: Kernel): void {
  Atomics.add(k.i32, DELETED, k.del_timer_sync(T));
  k.i32[COUNT] = 0;
}

const deleted = kernelPart(
  scenario({
    name: 'kernel: after del_timer_sync the function of the timer does not run any more',
    machine: oneZone(2),
    functions: FUNCTION,
    setup: setTimer,
    threads: [deleteTimer, runTimers],
    final: (k) => {
      expectValue('what the function left behind', k.i32[COUNT], 0);
      expectValue('the number of ends of the timer', k.i32[RUNS] + k.i32[DELETED], 1);
    },
  }),
  {
    'del_timer_sync does not wait for the function': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: TIMER, find: 'return isRunning ? -1', replace: 'return false ? -1' }],
    },
    'a base does not say which timer runs': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: RUN, find: 'Atomics.store(i32, base + RUNNING, timer);', replace: '' }],
    },
    'the lock of the base is given up before a timer counts as running': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        {
          file: RUN,
          find: 'Atomics.store(i32, base + RUNNING, timer);',
          replace:
            'spin_unlock_irq(k, base); spin_lock_irq(k, base); Atomics.store(i32, base + RUNNING, timer);',
        },
      ],
    },
    'nobody wakes who waits for the end of the function': {
      kinds: NOT_WOKEN,
      patches: [{ file: RUN, find: 'k.platform.notify(base + RUNNING, Infinity);', replace: '' }],
    },
  },
);

const again = kernelPart(
  scenario({
    name: 'kernel: a timer that another CPU sets anew runs on one CPU at a time',
    machine: oneZone(2),
    functions: FUNCTION,
    setup: setTimer,
    threads: [
      (k) => {
        k.mod_timer(T, k.jiffies());
        runTimers(k);
      },
      runTimers,
    ],
    final: (k) => {
      const left = k.timer_pending(T) ? 1 : 0;
      const ends = k.i32[RUNS] + left;
      if (ends < 1 || ends > 2)
        throw new Error(`a timer that was set twice has run or is pending ${ends} times`);
      expectValue('what the function has counted', k.i32[COUNT], k.i32[RUNS]);
    },
  }),
  {
    'a timer moves while its function runs': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: TIMER, find: 'const to = stays ? from : cpu;', replace: 'const to = cpu;' }],
    },
  },
);

function both(k: Kernel): void {
  k.mod_timer(T, k.jiffies() + 1 + k.cpu);
}

const moved = kernelPart(
  scenario({
    name: 'kernel: two CPUs set a timer of a third',
    machine: oneZone(3),
    functions: FUNCTION,
    setup: setTimer,
    threads: [both, both],
    final: (k) => {
      expectValue('whether the timer is pending', k.timer_pending(T) ? 1 : 0, 1);
      expectValue('what del_timer says', k.del_timer(T), 1);
      for (let cpu = 0; cpu < 3; cpu++) {
        expectValue(`the next timer of CPU ${cpu}`, nextTimer(k, cpu), 0);
        expectValue(`the next timer that wakes CPU ${cpu}`, nextWakeup(k, cpu), 0);
      }
    },
  }),
  {
    'a timer is looked at under the lock of the base that it was on': {
      kinds: [...NOT_EXCLUSIVE, 'deadlock', 'livelock'],
      patches: [
        {
          file: TIMER,
          find: 'if (Atomics.load(k.i32, timer + BASE) === from)',
          replace: 'if (true)',
        },
      ],
    },
    'a timer moves without the lock of the base where it was': {
      kinds: [...NOT_EXCLUSIVE, 'deadlock'],
      patches: [
        {
          file: TIMER,
          find: 'const other = cpu < 0 ? from : cpu;',
          replace:
            'const other = cpu < 0 ? from : cpu; if (cpu >= 0) { spin_lock(k, timerBase(k, cpu)); return cpu; }',
        },
      ],
    },
  },
);

/** Stops CPU 1, which is idle, and unplugs it. */
function unplug(k: Kernel): void {
  const owner = k.i32[KERNEL.cpu_area + 1] + CPU_AREA.at.owner;
  claimCpu(k, 1);
  while (!takeClaimedCpu(k, 1)) k.cpu_relax(owner);
  takeCpuDown(k, 1);
  unclaimCpu(k, 1);
}

const unplugged = kernelPart(
  scenario({
    name: 'kernel: a timer is taken back while its CPU is unplugged',
    machine: oneZone(2),
    functions: FUNCTION,
    setup: setTimer,
    threads: [(k) => Atomics.add(k.i32, DELETED, k.del_timer_sync(T))],
    console: unplug,
    final: (k) => {
      expectValue('how often the timer was taken back', k.i32[DELETED], 1);
      expectValue('whether the timer is pending', k.timer_pending(T) ? 1 : 0, 0);
      expectValue('the next timer of the CPU that took it over', nextTimer(k, 0), 0);
    },
  }),
  {
    'a timer that moves does not know where to': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        {
          file: 'kernel/cpu/cpu-down',
          find: 'Atomics.store(i32, timer + TIMER_LIST.at.base, target);',
          replace: '',
        },
      ],
    },
  },
);

export const TIMER_PARTS: readonly KernelPart[] = [deleted, again, moved, unplugged];

import { TASKLET } from '../../../kernel/cpu/tasklet-struct.js';
import { KERNEL } from '../../../kernel/core/kernel-data.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { SCENARIO_MODULE, scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_EXCLUSIVE, NOT_WOKEN, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** A tasklet that two CPUs schedule, disable and kill. */

const RUN = 'kernel/cpu/tasklet-run';
const TASKLETS = 'kernel/cpu/tasklet';
const T = scratchLine(0);
/** What the tasklet counts in, without any lock. */
const COUNT = scratchLine(1);
/** How often the tasklet has run. */
const RUNS = scratchLine(2);

const FUNCTION = {
  run: (k: Kernel): void => {
    k.i32[COUNT]++;
    Atomics.add(k.i32, RUNS, 1);
  },
};

function init(k: Kernel): void {
  k.tasklet_init(T, k.module_symbol(SCENARIO_MODULE, 'run'));
}

function initDisabled(k: Kernel): void {
  init(k);
  k.tasklet_disable(T);
}

function schedule(k: Kernel): void {
  k.tasklet_schedule(T);
}

/** What the clock does: CPUs that have fallen idle serve their interrupts. */
function serveIdle(k: Kernel): void {
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) k.as(cpu).poll();
}

/** Every tasklet that was scheduled has run, and no two runs were at the same time. */
function expectRuns(k: Kernel, least: number, most: number): void {
  serveIdle(k);
  const runs = k.i32[RUNS];
  if (runs < least || runs > most) throw new Error(`the tasklet ran ${runs} times, not ${least} to ${most}`);
  expectValue('what the tasklet has counted', k.i32[COUNT], runs);
  expectValue('the state of the tasklet', k.i32[T + TASKLET.at.state], 0);
  expectValue('the CPU that runs the tasklet', k.i32[T + TASKLET.at.run], 0);
}

const both = kernelPart(
  scenario({
    name: 'kernel: a tasklet that two CPUs schedule runs on one at a time, and after each of them',
    machine: oneZone(2),
    functions: FUNCTION,
    setup: init,
    threads: [schedule, schedule],
    final: (k) => expectRuns(k, 1, 2),
  }),
  {
    'a tasklet runs although another CPU runs it': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        {
          file: RUN,
          find: 'Atomics.compareExchange(i32, tasklet + RUN, 0, k.cpu + 1) !== 0',
          replace: 'false',
        },
      ],
    },
    'nobody looks at a tasklet again that could not run': {
      kinds: ['assertion'],
      patches: [{ file: RUN, find: 'runAgain(k, tasklet);', replace: '' }],
    },
    'both CPUs put the tasklet into their lists': {
      kinds: [...NOT_EXCLUSIVE, 'deadlock', 'livelock'],
      patches: [
        {
          file: TASKLETS,
          find: 'if (isNew) {',
          replace: 'if (true) {',
        },
        {
          file: TASKLETS,
          find: 'if ((Atomics.load(k.i32, tasklet + STATE) & TASKLET_STATE_SCHED) !== 0)',
          replace: 'if (false)',
        },
      ],
    },
  },
);

const disabled = kernelPart(
  scenario({
    name: 'kernel: a disabled tasklet does not run, and runs when it is enabled',
    machine: oneZone(2),
    functions: FUNCTION,
    setup: init,
    threads: [
      (k) => {
        k.tasklet_disable(T);
        k.i32[COUNT]++;
        k.i32[COUNT]--;
        k.tasklet_enable(T);
      },
      schedule,
    ],
    final: (k) => expectRuns(k, 1, 1),
  }),
  {
    'tasklet_disable does not wait': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: TASKLETS, find: 'if (run === 0)', replace: 'if (true)' }],
    },
    'a disabled tasklet runs': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: RUN, find: 'if (Atomics.load(i32, tasklet + COUNT) !== 0)', replace: 'if (false)' }],
    },
  },
);

const enabled = kernelPart(
  scenario({
    name: 'kernel: a tasklet that is enabled while another CPU schedules it runs once',
    machine: oneZone(2),
    functions: FUNCTION,
    setup: initDisabled,
    threads: [(k) => k.tasklet_enable(T), schedule],
    final: (k) => expectRuns(k, 1, 1),
  }),
  {
    'tasklet_enable tells nobody': {
      kinds: ['assertion'],
      patches: [{ file: TASKLETS, find: 'if (before === 1)', replace: 'if (false)' }],
    },
  },
);

const killed = kernelPart(
  scenario({
    name: 'kernel: after tasklet_kill the tasklet does not run any more',
    machine: oneZone(2),
    functions: FUNCTION,
    setup: (k) => {
      init(k);
      // CPU 0 has not come to it yet.
      k.local_bh_disable();
      k.tasklet_schedule(T);
    },
    threads: [
      (k) => k.local_bh_enable(),
      (k) => {
        k.tasklet_kill(T);
        k.i32[COUNT]++;
        k.i32[RUNS]++;
      },
    ],
    final: (k) => expectRuns(k, 2, 2),
  }),
  {
    'tasklet_kill does not wait until the tasklet has ended': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: TASKLETS, find: 'if (run === 0)', replace: 'if (true)' }],
    },
    'nobody wakes who waits until a tasklet begins': {
      kinds: NOT_WOKEN,
      patches: [{ file: RUN, find: 'k.platform.notify(tasklet + STATE, Infinity);', replace: '' }],
    },
  },
);

export const TASKLET_PARTS: readonly KernelPart[] = [both, disabled, enabled, killed];

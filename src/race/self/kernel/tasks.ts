import { TASK, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '../../../kernel/core/task-struct.js';
import { cpuTask } from '../../../kernel/core/tasks.js';
import { claimCpu, takeClaimedCpu, unclaimCpu } from '../../../kernel/cpu/ownership.js';
import { takeCpuDown } from '../../../kernel/hotplug.js';
import { KERNEL } from '../../../kernel/core/kernel-data.js';
import { CPU_AREA } from '../../../kernel/core/cpu-area.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { int } from '../../../kernel/mm/percpu-types.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** Tasks: how a CPU passes from one to the next, how a sleeper is woken, and how tasks go from CPU to CPU. */

const SCHEDULE = 'kernel/cpu/schedule';
const DISPATCH = 'kernel/cpu/dispatch';
const WAKE = 'kernel/cpu/wake';
const RUN_QUEUE = 'kernel/cpu/run-queue';

/** 1 when the sleeper may go on. */
const FLAG = scratchLine(0);
/** For each CPU, how many tasks run there. */
const ON_CPU = scratchLine(1);
/** Counts, each task once for each turn. */
const TURNS = scratchLine(2);
/** A per-CPU variable. */
const VARIABLE = scratchLine(3);

/** The classic way to sleep: say that you will, look, sleep. */
function sleepUntilFlag(k: Kernel): void {
  for (;;) {
    k.set_current_state(TASK_UNINTERRUPTIBLE);
    if (Atomics.load(k.i32, FLAG) !== 0) break;
    k.schedule();
  }
  k.set_current_state(TASK_RUNNING);
  alone(k);
}

/** Raises the flag, and wakes CPU 0's task, if it sleeps. */
function wakeSleeper(k: Kernel): void {
  Atomics.store(k.i32, FLAG, 1);
  k.wake_up_process(cpuTask(k, 0));
}

/** Makes sure that nobody else runs on this CPU, and that this is the CPU of the task. */
function alone(k: Kernel): void {
  k.preempt_disable();
  const { cpu } = k;
  expectValue(`the tasks on CPU ${cpu}`, Atomics.add(k.i32, ON_CPU + cpu, 1) + 1, 1);
  expectValue(
    'the CPU that is given to the task',
    Atomics.load(k.i32, k.current() + TASK.at.running),
    cpu + 1,
  );
  expectValue('the CPU in the task', k.task_cpu(k.current()), cpu);
  expectValue('the owner of the CPU', Atomics.load(k.i32, k.area + CPU_AREA.at.owner), k.platform.thread);
  Atomics.sub(k.i32, ON_CPU + cpu, 1);
  k.preempt_enable();
}

const wakeUp = kernelPart(
  scenario({
    name: 'kernel: a task is woken while it falls asleep',
    machine: oneZone(2),
    threads: [sleepUntilFlag, wakeSleeper],
  }),
  {
    'who falls asleep does not look whether it was woken meanwhile': {
      kinds: ['deadlock', 'lost-wakeup'],
      patches: [
        {
          file: SCHEDULE,
          find: 'if (Atomics.load(i32, task + STATE) !== TASK_RUNNING)',
          replace: 'if (true)',
        },
      ],
    },
    'who wakes does not bring the task to a CPU': {
      kinds: ['deadlock', 'lost-wakeup'],
      patches: [{ file: WAKE, find: 'bringTask(k, task, selectCpu(k, task));', replace: 'void 0;' }],
    },
    'both take the task in hand': {
      kinds: ['assertion', 'deadlock', 'race', 'livelock'],
      patches: [
        {
          file: SCHEDULE,
          find: 'return Atomics.compareExchange(i32, task + ON_RQ, ON_NOTHING, ON_ITS_WAY) !== ON_NOTHING;',
          replace: 'Atomics.store(i32, task + ON_RQ, ON_ITS_WAY); return false;',
        },
      ],
    },
    'who leaves a CPU idle does not look whether a task has come': {
      kinds: ['deadlock', 'lost-wakeup'],
      patches: [{ file: DISPATCH, find: 'dispatchIdle(k, k.cpu);', replace: 'void 0;' }],
    },
    'who brings a task does not look whether the CPU is idle': {
      kinds: ['deadlock', 'lost-wakeup'],
      patches: [{ file: DISPATCH, find: 'dispatchIdle(k, cpu);', replace: 'void 0;' }],
    },
  },
);

/** Takes its turn twice, and lets others in between. */
function turns(k: Kernel): void {
  alone(k);
  Atomics.add(k.i32, TURNS, 1);
  k.yield();
  alone(k);
  Atomics.add(k.i32, TURNS, 1);
}

const handOver = kernelPart(
  scenario({
    name: 'kernel: three tasks take turns on two CPUs',
    machine: oneZone(2),
    threads: [turns, alone],
    tasks: [{ body: turns }],
    preemptions: 1,
    final: (k) => expectValue('the turns', Atomics.load(k.i32, TURNS), 4),
  }),
  {
    'a task that leaves its CPU goes on as if it still had it': {
      kinds: ['assertion', 'race', 'deadlock'],
      patches: [{ file: SCHEDULE, find: 'Atomics.store(k.i32, task + RUNNING, 0);', replace: 'void 0;' }],
    },
    'the next task goes on without being the owner': {
      kinds: ['assertion'],
      patches: [{ file: DISPATCH, find: 'Atomics.store(i32, area + OWNER, thread);', replace: 'void 0;' }],
    },
  },
);

function defineVariable(k: Kernel): void {
  k.i32[VARIABLE] = k.DEFINE_PER_CPU(int, 'hits');
}

/** Sleeps until its word is 1. */
function sleepUntil(k: Kernel, word: number): void {
  Atomics.store(k.i32, word + 1, k.current());
  for (;;) {
    k.set_current_state(TASK_UNINTERRUPTIBLE);
    if (Atomics.load(k.i32, word) !== 0) break;
    k.schedule();
  }
  k.set_current_state(TASK_RUNNING);
}

function wake(k: Kernel, word: number): void {
  Atomics.store(k.i32, word, 1);
  const sleeper = Atomics.load(k.i32, word + 1);
  if (sleeper !== 0) k.wake_up_process(sleeper);
}

const twoWakers = kernelPart(
  scenario({
    name: 'kernel: two CPUs wake tasks of one of them',
    machine: oneZone(2),
    threads: [
      (k) => {
        k.yield();
        wake(k, FLAG);
      },
      (k) => {
        wake(k, TURNS);
      },
    ],
    tasks: [
      {
        body: (k) => {
          sleepUntil(k, FLAG);
        },
        cpus: [0],
      },
      {
        body: (k) => {
          sleepUntil(k, TURNS);
        },
        cpus: [0],
      },
    ],
  }),
  {
    'a task that is brought overwrites the one before': {
      kinds: ['deadlock', 'lost-wakeup', 'race'],
      patches: [
        {
          file: RUN_QUEUE,
          find: 'if (Atomics.compareExchange(i32, list, first, task) === first)',
          replace: 'Atomics.store(i32, list, task); if (true)',
        },
      ],
    },
    'the owner takes tasks from the list as if nobody brought others': {
      kinds: ['deadlock', 'lost-wakeup', 'race'],
      patches: [
        {
          file: RUN_QUEUE,
          find: 'if (Atomics.compareExchange(i32, area + INCOMING, task, 0) === task)',
          replace:
            'if (Atomics.load(i32, area + INCOMING) === task && Atomics.exchange(i32, area + INCOMING, 0) !== -1)',
        },
      ],
    },
  },
);

/** The guarded increment, with a point in the middle where a task could be preempted. */
function countGuarded(k: Kernel): void {
  const copy = k.get_cpu_var(k.i32[VARIABLE]);
  const before = k.i32[copy];
  k.cond_resched();
  k.i32[copy] = before + 1;
  k.put_cpu_var(k.i32[VARIABLE]);
}

function sumOfCopies(k: Kernel): number {
  let sum = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) sum += k.i32[k.per_cpu(k.i32[VARIABLE], cpu)];
  return sum;
}

const guarded = kernelPart(
  scenario({
    name: 'kernel: tasks that are preempted and moved count in a per-CPU variable',
    machine: oneZone(2),
    setup: defineVariable,
    threads: [countGuarded, countGuarded],
    tasks: [{ body: countGuarded }],
    preemptions: 2,
    final: (k) => expectValue('the sum of all copies', sumOfCopies(k), 3),
  }),
  {
    'get_cpu_var does not disable preemption': {
      kinds: ['assertion', 'race'],
      patches: [
        {
          file: 'kernel/mm/percpu-access',
          find: 'const disable = preempt_disable;',
          replace: 'const disable = (k) => void k;',
        },
        {
          file: 'kernel/mm/percpu-access',
          find: 'const enable = preempt_enable;',
          replace: 'const enable = (k) => void k;',
        },
      ],
    },
    'a task is preempted wherever it is': {
      kinds: ['assertion', 'race'],
      patches: [{ file: 'kernel/cpu/interrupt', find: 'in_atomic(k)', replace: 'false' }],
    },
  },
);

/** A task that is about to sleep is preempted: it has said that it will sleep, and has not looked whether it must. */
const preempted = kernelPart(
  scenario({
    name: 'kernel: a task is preempted while it is about to sleep',
    machine: oneZone(2),
    threads: [
      (k) => {
        k.set_current_state(TASK_UNINTERRUPTIBLE);
        if (Atomics.load(k.i32, FLAG) === 0) k.cond_resched();
        k.set_current_state(TASK_RUNNING);
      },
      alone,
    ],
    tasks: [{ body: alone, cpus: [0] }],
    preemptions: 1,
  }),
  {
    'a preempted task sleeps, since it has said so': {
      kinds: ['deadlock', 'lost-wakeup'],
      patches: [
        {
          file: SCHEDULE,
          find: 'if (preempted || !fallAsleep(k, task))',
          replace: 'if (!fallAsleep(k, task))',
        },
      ],
    },
  },
);

function unplug(k: Kernel): void {
  const owner = k.i32[KERNEL.cpu_area + 1] + CPU_AREA.at.owner;
  claimCpu(k, 1);
  while (!takeClaimedCpu(k, 1)) k.cpu_relax(owner);
  takeCpuDown(k, 1);
  unclaimCpu(k, 1);
}

/** Runs where it may; never on a CPU that is offline. */
function runOnline(k: Kernel): void {
  alone(k);
  k.preempt_disable();
  if (!k.cpu_online(k.cpu)) throw new Error(`a task runs on CPU ${k.cpu}, which is offline`);
  k.preempt_enable();
}

const unplugging = kernelPart(
  scenario({
    name: 'kernel: a CPU is unplugged while tasks wait for it',
    machine: oneZone(2),
    threads: [turns],
    tasks: [{ body: runOnline, cpus: [1] }, { body: runOnline }],
    console: unplug,
  }),
  {
    'the tasks of a CPU stay when it goes': {
      kinds: ['deadlock', 'lost-wakeup', 'assertion'],
      patches: [
        { file: 'kernel/hotplug', find: 'moveTasksAway(gone);', replace: 'void 0;' },
        { file: DISPATCH, find: 'moveTasksAway(idle);', replace: 'void 0;' },
      ],
    },
    'a task that comes too late stays on the CPU that has gone': {
      kinds: ['deadlock', 'lost-wakeup', 'assertion'],
      patches: [
        {
          file: DISPATCH,
          find: '!isOnline && !hasIncomingTasks(k, area)',
          replace: '!isOnline',
        },
      ],
    },
  },
);

const moved = kernelPart(
  scenario({
    name: 'kernel: a task says on which CPU it wants to run',
    machine: oneZone(2),
    threads: [alone, alone],
    tasks: [
      {
        body: (k) => {
          expectValue('set_cpus_allowed', k.set_cpus_allowed(k.current(), [1]), 0);
          expectValue('the CPU of the task', k.cpu, 1);
          alone(k);
        },
      },
    ],
    preemptions: 1,
  }),
  {
    'the task stays in the queue of the CPU where it was': {
      kinds: ['assertion'],
      patches: [
        {
          file: SCHEDULE,
          find: 'if (mayRunOn(k, task, k.cpu)) {',
          replace: 'if (mayRunOn(k, task, k.cpu) || true) {',
        },
        { file: DISPATCH, find: 'if (!mayRunOn(k, next, k.cpu)) {', replace: 'if (false) {' },
      ],
    },
  },
);

export const TASK_PARTS: readonly KernelPart[] = [
  wakeUp,
  handOver,
  twoWakers,
  guarded,
  preempted,
  unplugging,
  moved,
];

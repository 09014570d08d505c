import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** Tasks that others send to other CPUs. */

/** The task that is sent away. */
const TASK = scratchLine(0);
/** 1 when it has been. */
const SENT = scratchLine(1);

const sentAway = kernelPart(
  scenario({
    name: 'kernel: a task is sent from its CPU to one that is busy',
    machine: oneZone(3),
    threads: [
      (k) => {
        while (Atomics.load(k.i32, TASK) === 0) k.cpu_relax(TASK);
        expectValue('set_cpus_allowed', k.set_cpus_allowed(Atomics.load(k.i32, TASK), [2]), 0);
        Atomics.store(k.i32, SENT, 1);
      },
      (k) => {
        k.poll();
      },
      (k) => {
        while (Atomics.load(k.i32, TASK) === 0) k.cpu_relax(TASK);
        k.yield();
      },
    ],
    tasks: [
      {
        body: (k) => {
          Atomics.store(k.i32, TASK, k.current());
          while (Atomics.load(k.i32, SENT) === 0) k.cpu_relax(SENT);
          expectValue('the CPU of the task', k.cpu, 2);
        },
        cpus: [1],
      },
    ],
  }),
  {
    'whoever gives the task a CPU wakes only one of those who wait for that': {
      kinds: ['deadlock', 'lost-wakeup'],
      patches: [
        {
          file: 'kernel/cpu/dispatch',
          find: 'k.platform.notify(task + RUNNING, Infinity);',
          replace: 'k.platform.notify(task + RUNNING, 1);',
        },
      ],
    },
    'who sends a task away does not ask its CPU': {
      kinds: ['deadlock', 'lost-wakeup', 'livelock'],
      patches: [
        {
          file: 'kernel/sched/affinity',
          find: 'raiseInterrupt(k, cpu, IRQ_RESCHEDULE);',
          replace: 'void 0;',
        },
      ],
    },
  },
);

export const AFFINITY_PARTS: readonly KernelPart[] = [sentAway];

import { beforeEach, describe, expect, test } from 'vitest';
import { PAGE_SIZE } from '../../../src/arch/page.js';
import { CPU_AREA, RUN_QUEUE } from '../../../src/kernel/core/cpu-area.js';
import { KERNEL, SYSTEM_HALTED } from '../../../src/kernel/core/kernel-data.js';
import { list_del } from '../../../src/kernel/core/list.js';
import {
  ON_CPU,
  ON_ITS_WAY,
  ON_NOTHING,
  ON_QUEUE,
  TASK,
  TASK_DEAD,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  WAIT_ENTRY,
} from '../../../src/kernel/core/task-struct.js';
import { cpuTask, idleTask, taskAt } from '../../../src/kernel/core/tasks.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import type { ViolationKind } from '../../../src/kernel/debug/audit-violation.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { phys_to_word } from '../../../src/kernel/mm/phys.js';
import { MUTEX } from '../../../src/kernel/sched/mutex.js';
import { SEMAPHORE } from '../../../src/kernel/sched/semaphore.js';
import { LINE_MUTEX, LINE_SEMAPHORE, WQ_FLAG_AUTOREMOVE } from '../../../src/kernel/sched/wait-line.js';
import { bootInProcess, type LoneMachine } from '../../support/boot-in-process.js';
import { asTask, incomingTask, putInto, queuedTask, sleepingTask, waitingTask } from '../../support/tasks.js';
import { kinds, sentences } from './audit-kinds.js';

const RQ = CPU_AREA.at.rq;
const { at } = TASK;

/** A machine whose tasks are everywhere where they can be. */
interface Scene {
  readonly machine: LoneMachine;
  readonly k: Kernel;
  readonly i32: Int32Array;
  /** Run queues of CPU 1 and 2. */
  readonly rq1: number;
  readonly rq2: number;
  /** In the queue of CPU 1, in that order; the first has the mutex. On its way to CPU 2, one after the other. Asleep. */
  readonly queued: readonly [number, number, number];
  readonly incoming: readonly [number, number];
  readonly asleep: number;
  readonly mutex: number;
  readonly semaphore: number;
  readonly queue: number;
  /** In line for the mutex, two of them, for the semaphore, and for the queue; each with its entry. */
  readonly forMutex: readonly (readonly [number, number])[];
  readonly forSemaphore: readonly [number, number];
  readonly inQueue: readonly [number, number];
  /** Has ended, and its slot is free. */
  readonly gone: number;
}

function scene(): Scene {
  const machine = bootInProcess();
  const { k, cpus } = machine;
  const { i32 } = k;
  const memory = phys_to_word(k, k.alloc_page(GFP_KERNEL) * PAGE_SIZE);
  const [mutex, semaphore, queue] = [memory + 16, memory + 32, memory + 48];
  k.mutex_init(mutex);
  k.sema_init(semaphore, 0);
  k.init_waitqueue_head(queue);
  const queued = ['first', 'second', 'third'].map((name) => queuedTask(cpus[1], name));
  const incoming = ['early', 'late'].map((name) => incomingTask(k, name, 2));
  asTask(k, queued[0], () => k.mutex_lock(mutex));
  i32[mutex + MUTEX.at.owner] |= 1;
  const gone = sleepingTask(k, 'gone');
  i32[gone + at.state] = TASK_DEAD;
  i32[gone + at.exited] = 1;
  k.put_task_struct(gone);
  const s: Scene = {
    machine,
    k,
    i32,
    rq1: cpus[1].area + RQ,
    rq2: cpus[2].area + RQ,
    queued: [queued[0], queued[1], queued[2]],
    incoming: [incoming[0], incoming[1]],
    asleep: sleepingTask(k, 'asleep'),
    mutex,
    semaphore,
    queue,
    forMutex: ['wants', 'wants too'].map((name) => waitingTask(k, name, mutex, LINE_MUTEX)),
    forSemaphore: waitingTask(k, 'waits', semaphore, LINE_SEMAPHORE),
    inQueue: waitingTask(k, 'listens', queue, WQ_FLAG_AUTOREMOVE),
    gone,
  };
  expect(sentences(k)).toEqual([]);
  return s;
}

/** A way to break the tasks, and the one kind of violation that shows it. */
interface Damage {
  readonly what: string;
  readonly kind: ViolationKind;
  readonly damage: (s: Scene) => void;
}

function setWord(i32: Int32Array, word: number, value: number): void {
  i32[word] = value;
}

function unlink(s: Scene, task: number): void {
  list_del(s.i32, task + at.run_list);
  s.i32[s.rq1 + RUN_QUEUE.at.nr_running]--;
}

const PLACES: Damage[] = [
  { what: 'a task that its queue has lost', kind: 'task-lost', damage: (s) => unlink(s, s.queued[1]) },
  {
    what: 'a task on its way that nobody brings anywhere',
    kind: 'task-lost',
    damage: (s) => setWord(s.i32, s.asleep + at.on_rq, ON_ITS_WAY),
  },
  {
    what: 'a task that was woken, and brought nowhere',
    kind: 'task-lost',
    damage: (s) => setWord(s.i32, s.asleep + at.state, TASK_RUNNING),
  },
  {
    what: 'a task that thinks it runs',
    kind: 'task-lost',
    damage: (s) => setWord(s.i32, s.asleep + at.on_rq, ON_CPU),
  },
  {
    what: 'an impossible place',
    kind: 'task-lost',
    damage: (s) => setWord(s.i32, s.asleep + at.on_rq, 9),
  },
  {
    what: 'an incoming list that forgets all but its first task',
    kind: 'task-lost',
    damage: (s) => setWord(s.i32, s.incoming[1] + at.next_incoming, 0),
  },
  {
    what: 'an idle task that is nowhere',
    kind: 'task-lost',
    damage: (s) => setWord(s.i32, idleTask(s.k, 3) + at.on_rq, ON_NOTHING),
  },
  {
    what: 'a task in two queues',
    kind: 'task-twice',
    damage: (s) => {
      setWord(s.i32, s.queued[1] + at.next_incoming, s.incoming[1]);
      setWord(s.i32, s.rq2 + RUN_QUEUE.at.incoming, s.queued[1]);
    },
  },
  {
    what: 'a task that sleeps, in a queue',
    kind: 'task-place',
    damage: (s) => {
      setWord(s.i32, s.queued[1] + at.on_rq, ON_NOTHING);
    },
  },
  {
    what: 'a task in the queue of another CPU than it says',
    kind: 'task-place',
    damage: (s) => setWord(s.i32, s.queued[2] + at.cpu, 2),
  },
  {
    what: 'a task that says it is in a queue, on its way',
    kind: 'task-place',
    damage: (s) => setWord(s.i32, s.incoming[0] + at.on_rq, ON_QUEUE),
  },
  {
    what: 'an idle task in a queue',
    kind: 'task-twice',
    damage: (s) => {
      const rq = s.machine.cpus[3].area + RQ;
      putInto(s.k, idleTask(s.k, 3) + at.run_list, rq + RUN_QUEUE.at.first);
      s.i32[rq + RUN_QUEUE.at.nr_running]++;
    },
  },
];

const QUEUES: Damage[] = [
  {
    what: 'a queue that leads nowhere',
    kind: 'task-list',
    damage: (s) => setWord(s.i32, s.queued[0] + at.run_list, 77),
  },
  {
    what: 'a queue in a circle',
    kind: 'task-list',
    damage: (s) => setWord(s.i32, s.queued[2] + at.run_list, s.queued[0] + at.run_list),
  },
  {
    what: 'a queue that does not lead back',
    kind: 'task-list',
    damage: (s) => setWord(s.i32, s.queued[1] + at.run_list + 1, s.queued[2] + at.run_list),
  },
  {
    what: 'a queue whose head names another last task',
    kind: 'task-list',
    damage: (s) => setWord(s.i32, s.rq1 + RUN_QUEUE.at.last, s.queued[0] + at.run_list),
  },
  {
    what: 'an incoming list in a circle',
    kind: 'task-list',
    damage: (s) => setWord(s.i32, s.incoming[0] + at.next_incoming, s.incoming[1]),
  },
  {
    what: 'an incoming list that leads into a task',
    kind: 'task-list',
    damage: (s) => setWord(s.i32, s.rq2 + RUN_QUEUE.at.incoming, s.incoming[0] + 1),
  },
  {
    what: 'a wrong number of tasks',
    kind: 'nr-running',
    damage: (s) => s.i32[s.rq1 + RUN_QUEUE.at.nr_running]++,
  },
  {
    what: 'a task on a stopped CPU',
    kind: 'not-idle',
    damage: (s) => {
      setWord(s.i32, s.asleep + at.on_rq, ON_CPU);
      setWord(s.i32, s.asleep + at.cpu, 3);
      setWord(s.i32, s.machine.cpus[3].area + RQ + RUN_QUEUE.at.current, s.asleep);
    },
  },
  {
    what: 'the idle task of another CPU',
    kind: 'not-idle',
    damage: (s) => setWord(s.i32, s.rq1 + RUN_QUEUE.at.idle, idleTask(s.k, 2)),
  },
  {
    what: 'a task that is being brought from a stopped CPU',
    kind: 'task-in-transit',
    damage: (s) => setWord(s.i32, s.rq1 + RUN_QUEUE.at.in_transit, s.asleep),
  },
];

const WORDS: [keyof typeof TASK.at, number, (s: Scene) => number][] = [
  ['state', 3, (s) => s.asleep],
  ['state', TASK_INTERRUPTIBLE, (s) => idleTask(s.k, 1)],
  ['running', 2, (s) => s.asleep],
  ['running', -1, (s) => s.asleep],
  ['usage', -1, (s) => s.gone],
  ['kind', 1, (s) => s.asleep],
  ['kind', 2, (s) => cpuTask(s.k, 0)],
  ['pid', 0, (s) => s.asleep],
  ['pid', 99, (s) => cpuTask(s.k, 0)],
  ['pid', 99, (s) => idleTask(s.k, 0)],
  ['cpu', 4, (s) => s.asleep],
  ['cpu', -1, (s) => s.asleep],
  ['cpu', 1, (s) => cpuTask(s.k, 0)],
  ['cpus_allowed', 0, (s) => s.asleep],
  ['cpus_allowed', 1 << 4, (s) => s.asleep],
  ['cpus_allowed', 3, (s) => cpuTask(s.k, 0)],
  ['timeout', 77, (s) => s.gone],
];

const LINES: Damage[] = [
  {
    what: 'an entry that its line has lost',
    kind: 'task-line',
    damage: (s) => {
      const link = s.forMutex[1][1] + WAIT_ENTRY.at.list;
      const saved = s.i32.slice(link, link + 2);
      list_del(s.i32, link);
      s.i32.set(saved, link);
    },
  },
  {
    what: 'a free entry in a line',
    kind: 'task-line',
    damage: (s) => {
      const entry = s.asleep + at.waits;
      setWord(s.i32, entry + WAIT_ENTRY.at.list, s.inQueue[1]);
    },
  },
  {
    what: 'an entry in use whose task has ended',
    kind: 'task-line',
    damage: (s) => setWord(s.i32, s.gone + at.waits + WAIT_ENTRY.at.head, s.queue),
  },
  {
    what: 'a line where there can be none',
    kind: 'task-line',
    damage: (s) => setWord(s.i32, s.asleep + at.waits + WAIT_ENTRY.at.head, 5),
  },
  {
    what: 'a line that leads nowhere',
    kind: 'task-list',
    damage: (s) => setWord(s.i32, s.forMutex[0][1] + WAIT_ENTRY.at.list, 77),
  },
  {
    what: 'an entry of another task',
    kind: 'task-field',
    damage: (s) => setWord(s.i32, s.inQueue[1] + WAIT_ENTRY.at.task, s.asleep),
  },
  { what: 'a locked line', kind: 'lock-held', damage: (s) => setWord(s.i32, s.queue, 2) },
  {
    what: 'a free mutex that others sleep for',
    kind: 'task-forgotten',
    damage: (s) => setWord(s.i32, s.mutex + MUTEX.at.owner, 1),
  },
  {
    what: 'a mutex whose owner does not know that others sleep for it',
    kind: 'task-forgotten',
    damage: (s) => (s.i32[s.mutex + MUTEX.at.owner] &= ~1),
  },
  {
    what: 'a free semaphore that others sleep for',
    kind: 'task-forgotten',
    damage: (s) => setWord(s.i32, s.semaphore + SEMAPHORE.at.count, 1),
  },
];

let s: Scene;
beforeEach(() => {
  s = scene();
});

describe.each([
  ['where tasks are', PLACES],
  ['run queues', QUEUES],
  ['lines', LINES],
])('the audit of %s finds', (_, damages) => {
  test.each(damages)('$what: $kind', ({ kind, damage }) => {
    damage(s);
    const { violations } = audit(s.k);
    expect(kinds(violations)).toEqual([kind]);
    expect(sentences(s.k).join('\n')).not.toMatch(/undefined|NaN/);
  });
});

describe('the audit of the words of tasks finds', () => {
  test.each(WORDS)('%s %i', (name, value, taskOf) => {
    s.i32[taskOf(s) + at[name]] = value;
    expect(audit(s.k).violations).toMatchObject([{ kind: 'task-field', field: name, value }]);
  });

  test('a pid that two tasks have', () => {
    s.i32[s.asleep + at.pid] = s.k.task_pid(s.queued[0]);
    expect(audit(s.k).violations).toMatchObject([
      { kind: 'task-pid', comm: 'asleep', other: { comm: 'first' } },
    ]);
  });

  test.each(['tasks', 'task_words', 'nr_tasks'] as const)('a wrong %s', (field) => {
    s.i32[KERNEL[field]] += 8;
    expect(audit(s.k).violations).toContainEqual(expect.objectContaining({ kind: 'structure', field }));
  });
});

describe('the audit of tasks', () => {
  test('says where a task is and what it waits for', () => {
    unlink(s, s.queued[1]);
    setInLine(s);
    expect(sentences(s.k)).toEqual([
      expect.stringMatching(
        /^task second:\d+ \(slot \d+\) is lost: in a run queue with state 0, but no CPU has it$/,
      ),
      expect.stringMatching(
        /^task wants:\d+ \(slot \d+\) sleeps, the first in line for memory 0x[0-9a-f]+, but the mutex is free$/,
      ),
    ]);
  });

  test('tells when an entry is in another line than it says', () => {
    const link = s.inQueue[1] + WAIT_ENTRY.at.list;
    list_del(s.i32, link);
    putInto(s.k, link, s.mutex + 2);
    expect(kinds(audit(s.k).violations)).toEqual(['task-line', 'task-list']);
  });

  test('counts them', () => {
    // The task of CPU 0's own thread is one of them; the other CPUs have no thread here.
    expect(audit(s.k).checked.tasks).toBe(1 + 3 + 2 + 1 + 2 + 1 + 1);
  });

  test('waits for a thread that is just bringing a task to a CPU', () => {
    const { platform } = s.machine;
    const { wait } = platform;
    s.i32[s.asleep + at.state] = TASK_RUNNING;
    s.i32[s.asleep + at.on_rq] = ON_ITS_WAY;
    platform.wait = function (...args) {
      wait.apply(this, args);
      s.i32[s.asleep + at.next_incoming] = s.incoming[1];
      s.i32[s.asleep + at.cpu] = 2;
      s.i32[s.rq2 + RUN_QUEUE.at.incoming] = s.asleep;
    };
    expect(audit(s.k).violations).toEqual([]);
  });

  test('lets a dead task stay in a queue until its turn comes', () => {
    const [, dead] = s.queued;
    s.i32[dead + at.state] = TASK_DEAD;
    s.i32[dead + at.thread] = 0;
    s.i32[dead + at.exited] = 1;
    s.k.put_task_struct(dead);
    expect(audit(s.k).violations).toEqual([]);
  });

  test('expects of a halted machine no more than that its tasks are tasks', () => {
    unlink(s, s.queued[1]);
    s.i32[KERNEL.system_state] = SYSTEM_HALTED;
    expect(audit(s.k).violations).toEqual([]);
    s.i32[taskAt(s.k, 1) + at.pid] = 7;
    expect(kinds(audit(s.k).violations)).toEqual(['task-field']);
  });
});

function setInLine({ i32, mutex }: Scene): void {
  i32[mutex + MUTEX.at.owner] = 1;
}

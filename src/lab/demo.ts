import type { Machine } from '../machine/machine.js';
import type { CountRequest, Guard, PageRequest } from './demo-cpu.js';

/** A demonstration: what it shows, and a run of it. */
export interface Demo {
  /** One line for a list. */
  readonly summary: string;
  run(machine: Machine): Promise<DemoResult>;
}

/** What a demonstration has shown. */
export interface DemoResult {
  /** What happened, line by line, and why. */
  readonly lines: readonly string[];
  /** Whether it happened as it has to. */
  readonly asExpected: boolean;
}

const MODULE = new URL('./demo-cpu.js', import.meta.url);

/** Tasks for each CPU in `lost-update`, and increments of each. */
const TASKS_PER_CPU = 2;
const UPDATES = 500;

/** What one way to count has led to. */
interface Updates {
  readonly wanted: number;
  readonly sum: number;
  /** How often a task was on another CPU when it stored than when it had loaded. */
  readonly moves: number;
}

async function countUpdates(machine: Machine, guarded: boolean): Promise<Updates> {
  await machine.cpu(0).run(MODULE, 'clearUpdates');
  const tasks = TASKS_PER_CPU * machine.cpus;
  const gate = new Int32Array(new SharedArrayBuffer(8));
  const request: CountRequest = { guarded, rounds: UPDATES, tasks, gate };
  const counting = Array.from({ length: tasks }, (_, i) =>
    machine.spawn(MODULE, 'countUpdates', request, { name: `count/${i}` }),
  );
  const moves = (await Promise.all(counting.map(({ result }) => result))) as number[];
  const sum = (await machine.cpu(0).run(MODULE, 'sumUpdates')) as number;
  return { wanted: tasks * UPDATES, sum, moves: moves.reduce((a, b) => a + b, 0) };
}

const lostUpdate: Demo = {
  summary: 'tasks are preempted in the middle of increments: updates get lost, but not with get_cpu_var',
  async run(machine) {
    const unguarded = await countUpdates(machine, false);
    const guarded = await countUpdates(machine, true);
    const line = (name: string, { wanted, sum, moves }: Updates): string =>
      `  ${name.padEnd(12)} sum of all copies ${sum}, ${wanted - sum} lost; ${moves} times stored on another CPU`;
    const tasks = TASKS_PER_CPU * machine.cpus;
    return {
      lines: [
        `${tasks} tasks on ${machine.cpus} CPUs increment a per-CPU counter ${UPDATES} times each: ${unguarded.wanted} increments. Each time the clock`,
        'ticks between the load and the store, and it is the turn of the next task.',
        '',
        line('nothing', unguarded),
        line('get_cpu_var', guarded),
        '',
        'A task that is preempted after its load comes back when others have stored in the same copy, and overwrites what',
        'they have counted; it may even come back on another CPU, and store in a copy that is not its own any more.',
        'get_cpu_var disables preemption: the tick is remembered, and the next task has its turn in put_cpu_var, when the',
        'store is done.',
      ],
      asExpected: unguarded.sum < unguarded.wanted && guarded.sum === guarded.wanted && guarded.moves === 0,
    };
  },
};

/** Increments of each kind in `irq-race`. */
const ROUNDS = 1000;

const irqRace: Demo = {
  summary: 'an interrupt between load and store: get_cpu_var is not enough, local_irq_save is',
  async run(machine) {
    const counts: Record<Guard, number> = { nothing: 0, get_cpu_var: 0, local_irq_save: 0 };
    for (const guard of Object.keys(counts) as Guard[]) {
      counts[guard] = (await machine
        .cpu(0)
        .run(MODULE, 'countWithInterrupts', { guard, rounds: ROUNDS })) as number;
    }
    const line = (guard: Guard): string =>
      `  ${guard.padEnd(15)} ${counts[guard]} counted, ${2 * ROUNDS - counts[guard]} lost`;
    return {
      lines: [
        `CPU 0 increments a per-CPU counter ${ROUNDS} times. Each time an interrupt comes between the load and the store,`,
        `and its handler increments the counter too: ${2 * ROUNDS} increments.`,
        '',
        line('nothing'),
        line('get_cpu_var'),
        line('local_irq_save'),
        '',
        'get_cpu_var keeps the task on its CPU; the handler runs on the same CPU, in the middle of the increment, and its',
        'own increment is overwritten. local_irq_save keeps the interrupt off until the store is done.',
      ],
      asExpected:
        counts.nothing === ROUNDS && counts.get_cpu_var === ROUNDS && counts.local_irq_save === 2 * ROUNDS,
    };
  },
};

const socketsInUse: Demo = {
  summary: 'a counter that is raised on one CPU and lowered on another: copies go negative, the sum is right',
  async run(machine) {
    const last = machine.cpus - 1;
    const created = 900;
    const released = 650;
    await machine.cpu(0).run(MODULE, 'countSockets', { times: created, by: 1 });
    await machine.cpu(last).run(MODULE, 'countSockets', { times: released, by: -1 });
    const copies = (await machine.cpu(0).run(MODULE, 'socketCopies')) as number[];
    const sum = copies.reduce((a, b) => a + b, 0);
    return {
      lines: [
        `${created} sockets are created on CPU 0, and ${released} of them released on CPU ${last}: ${created - released} are in use.`,
        '',
        ...copies.map((copy, cpu) => `  copy of CPU ${cpu}  ${copy}`),
        `  sum            ${sum}`,
        '',
        'Each CPU changes its own copy alone, without a lock. A single copy says how many more sockets that CPU has created',
        'than released, which can be negative; only the sum of all copies is the number of sockets in use.',
      ],
      asExpected: sum === created - released && copies[last] === -released,
    };
  },
};

/** A mistake of `sleep-in-atomic`: on which CPU it is made, and what the report must say. */
interface Mistake {
  readonly what: string;
  readonly name: string;
  readonly context: RegExp;
}

const MISTAKES: readonly Mistake[] = [
  {
    what: 'between get_cpu and put_cpu',
    name: 'allocateBetweenGetAndPut',
    context: /context: process preempt_count: 00000001 /,
  },
  { what: 'under a spinlock', name: 'allocateUnderSpinlock', context: /locks held: (?!none)/ },
  { what: 'in a timer', name: 'allocateInTimer', context: /context: softirq / },
];

const sleepInAtomic: Demo = {
  summary: 'GFP_KERNEL where nobody may sleep: between get_cpu and put_cpu, under a spinlock, in a timer',
  async run(machine) {
    const lines = ['GFP_KERNEL may sleep. Three places where nobody may, each on a CPU of its own:', ''];
    let asExpected = true;
    for (const [i, { what, name, context }] of MISTAKES.entries()) {
      const reports: string[] = [];
      const listen = (text: string): unknown => reports.push(text);
      machine.on('report', listen);
      await machine.cpu(i % machine.cpus).run(MODULE, name);
      // The report comes from the CPU's thread by a message of its own.
      await machine.cpu(i % machine.cpus).run(MODULE, 'socketCopies');
      machine.off('report', listen);
      const report = reports.find((text) => text.includes('sleeping function called from invalid context'));
      asExpected &&= report !== undefined && context.test(report);
      lines.push(
        `${what}:`,
        ...(report ?? 'not reported')
          .split('\n')
          .slice(1, 7)
          .map((line) => `  ${line}`),
        '',
      );
    }
    lines.push(
      'A CPU that sleeps with preemption disabled or a lock held can leave others spinning for ever, and a timer runs in',
      'softirq context, where there is no task that could sleep. The memory was there, so nothing slept this time: the',
      'check reports the mistake all the same. GFP_ATOMIC is right in all three places.',
    );
    return { lines, asExpected };
  },
};

const PAGES = 100;

/** numastat of all nodes. */
function numastat(machine: Machine, nodes: number): Record<string, number>[] {
  return Array.from({ length: nodes }, (_, node) =>
    Object.fromEntries(
      machine
        .cat(`/sys/devices/system/node/node${node}/numastat`)
        .trim()
        .split('\n')
        .map((line) => line.split(' '))
        .map(([name, value]) => [name, Number(value)]),
    ),
  );
}

const nodeLocality: Demo = {
  summary: 'alloc_pages_node and alloc_pages from CPUs of each node: numastat explains every page',
  async run(machine) {
    const nodes = 2;
    const cpuOf = [0, machine.cpus - 1];
    const lines = [`Each step allocates and frees ${PAGES} single pages; what numastat says afterwards:`, ''];
    let asExpected = true;
    for (const cpu of cpuOf) {
      for (const node of [-1, 0, 1]) {
        const before = numastat(machine, nodes);
        const got = (await machine
          .cpu(cpu)
          .run(MODULE, 'allocateOnNode', { node, pages: PAGES } satisfies PageRequest)) as number[];
        const after = numastat(machine, nodes);
        const here = cpuOf.indexOf(cpu);
        const wanted = node < 0 ? here : node;
        const call = node < 0 ? 'alloc_pages' : `alloc_pages_node(${node})`;
        lines.push(`  CPU ${cpu} (node ${here}), ${call}: all on node ${wanted}`);
        for (let n = 0; n < nodes; n++) {
          const changes = Object.keys(after[n])
            .map((name) => [name, after[n][name] - before[n][name]] as const)
            .filter(([, change]) => change !== 0);
          if (changes.length > 0) {
            lines.push(`    node ${n}: ${changes.map(([name, change]) => `${name} +${change}`).join(', ')}`);
          }
        }
        const where = wanted === here ? 'local_node' : 'other_node';
        const change = (name: string): number => after[wanted][name] - before[wanted][name];
        asExpected &&=
          got.every((nid) => nid === wanted) && change('numa_hit') >= PAGES && change(where) >= PAGES;
      }
    }
    lines.push(
      '',
      'numa_hit counts pages that came from the node that was wanted. local_node and other_node tell whether the CPU that',
      'asked is on the node of the page: alloc_pages prefers the own node, alloc_pages_node the one that is named.',
    );
    return { lines, asExpected };
  },
};

/** The demonstrations, by name. */
export const DEMOS: Readonly<Record<string, Demo>> = {
  'lost-update': lostUpdate,
  'irq-race': irqRace,
  'sockets-in-use': socketsInUse,
  'sleep-in-atomic': sleepInAtomic,
  'node-locality': nodeLocality,
};

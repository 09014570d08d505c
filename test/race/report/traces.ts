import type { Failure, Site, Trace, TraceEvent } from '../../../src/race/engine/failure.js';
import * as op from '../../../src/race/engine/op.js';

/** One operation of a hand-made trace; the rest is filled in. */
export type Draft = Partial<Omit<TraceEvent, 'site' | 'calls'>> & {
  readonly thread: number;
  readonly kind: number;
  /** `name file:line`, outermost first, with the line of the call. */
  readonly calls?: readonly string[];
  /** `line text`, in the file of the trace. */
  readonly at?: string;
  /** The same, with its column and function. */
  readonly site?: Site;
};

/** A trace of the operations in order. */
export function traceOf(
  head: { scenario: string; threads: string[]; file: string; failure: Failure; token: string },
  drafts: readonly Draft[],
): Trace {
  const events = drafts.map(
    ({ at, site = siteAt(head.file, at), calls = [], ...draft }, step): TraceEvent => ({
      step,
      mode: op.MODE_PLAIN,
      address: 0,
      size: 4,
      name: '',
      before: undefined,
      after: undefined,
      note: '',
      calls: framesOf(calls, site),
      shared: true,
      site,
      ...draft,
    }),
  );
  const { scenario, threads, failure, token } = head;
  return { scenario, threads, events, failure, token };
}

/** The frames of calls that are given with the places from where they were called. */
function framesOf(calls: readonly string[], site: Site | undefined): string[] {
  const names = calls.map((call) => call.split(' ')[0]);
  const places = calls.map((call) => call.split(' ')[1]).slice(1);
  const own = site === undefined ? [] : [`${site.file}:${site.line}`];
  const all = [...places, ...own];
  return names.map((name, i) => (i < all.length ? `${name} ${all[i]}` : name));
}

function siteAt(file: string, at: string | undefined): Site | undefined {
  if (at === undefined) return undefined;
  const blank = at.indexOf(' ');
  return { file, line: Number(at.slice(0, blank)), column: 5, text: at.slice(blank + 1), functionName: '' };
}

const read = (
  thread: number,
  name: string,
  value: number,
  at: string,
  calls: string[],
  more = {},
): Draft => ({
  thread,
  kind: op.OP_READ,
  name,
  before: value,
  after: value,
  at,
  calls,
  ...more,
});

const write = (
  thread: number,
  name: string,
  [before, after]: [number, number],
  at: string,
  calls: string[],
  more = {},
): Draft => ({ thread, kind: op.OP_WRITE, name, before, after, at, calls, ...more });

/** A push onto a stack whose second step a second push does not wait for. */
export function raceTrace(): Trace {
  const push = (line: number, inner: string[] = []) => ['pusher -', `push stack.ts:${line}`, ...inner];
  return traceOf(
    {
      scenario: 'two pushers',
      threads: ['thread 0', 'thread 1'],
      file: 'stack.ts',
      token: 'g1.fc77.0x7-1x3-0x1-1x_',
      failure: {
        kind: 'race',
        message: 'thread 1 writes i32[0] while thread 0 writes it, and nothing orders the two',
        thread: 1,
        step: 11,
        details: [{ heading: 'step 10, thread 0: write i32[0]: 0 -> 4, before that', lines: [], step: 10 }],
      },
    },
    [
      {
        thread: 0,
        kind: op.OP_RMW,
        mode: op.MODE_ATOMIC,
        name: 'i32[1]',
        before: 4,
        after: 8,
        at: '8 Atomics.add(m.i32, NEXT, 4)',
        calls: push(31, ['allocate stack.ts:14']),
      },
      ...Array.from({ length: 5 }, (_, i) =>
        write(0, `i32[${4 + i}]`, [0, 7], '16 m.i32[node + i] = value', push(31), { shared: false }),
      ),
      read(0, 'i32[0]', 0, '18 m.i32[HEAD]', push(31)),
      {
        thread: 1,
        kind: op.OP_RMW,
        mode: op.MODE_ATOMIC,
        name: 'i32[1]',
        before: 8,
        after: 12,
        at: '8 Atomics.add(m.i32, NEXT, 4)',
        calls: push(32, ['allocate stack.ts:14']),
      },
      write(1, 'i32[8]', [0, 9], '16 m.i32[node + i] = value', push(32), { shared: false }),
      read(1, 'i32[0]', 0, '18 m.i32[HEAD]', push(32)),
      write(0, 'i32[0]', [0, 4], '20 m.i32[HEAD] = node', push(31)),
      write(1, 'i32[0]', [4, 8], '20 m.i32[HEAD] = node', push(32)),
    ],
  );
}

/** Two CPUs that take two locks in opposite orders. */
export function deadlockTrace(): Trace {
  const lock = (thread: number, name: string, line: number, calls: string[]): Draft => ({
    thread,
    kind: op.OP_ACQUIRE,
    mode: op.MODE_ATOMIC,
    name,
    before: 0,
    after: 1,
    calls,
    site: {
      file: 'src/kernel/mm/buddy.ts',
      line,
      column: 10,
      text: 'spin_lock(zone.lock)',
      functionName: 'move_pages',
    },
  });
  return traceOf(
    {
      scenario: 'pages move both ways',
      threads: ['CPU 0', 'CPU 1'],
      file: 'src/kernel/mm/buddy.ts',
      token: 'g1.0c1d.0x1-1x2-0x_',
      failure: {
        kind: 'deadlock',
        message: 'CPU 0 and CPU 1 wait for each other',
        thread: -1,
        step: 2,
        details: [
          {
            heading: 'who waits for whom',
            lines: [
              'CPU 0 waits for lock zone 1 Normal   at src/kernel/mm/buddy.ts:205, held by CPU 1',
              'CPU 1 waits for lock zone 0 Normal   at src/kernel/mm/buddy.ts:205, held by CPU 0',
            ],
          },
        ],
      },
    },
    [
      lock(0, 'zone 0 Normal', 204, ['mover -', 'move_pages test/scenarios/move.ts:12']),
      lock(1, 'zone 1 Normal', 204, ['mover -', 'move_pages test/scenarios/move.ts:16']),
      read(1, 'CPU 1 preempt_count', 1, '88 this.i32[at]', [
        'mover -',
        'move_pages test/scenarios/move.ts:16',
        'preempt_disable src/kernel/sync/spinlock.ts:40',
      ]),
    ],
  );
}

/** Three CPUs; one frees a page that another one still writes to. */
export function useAfterFreeTrace(): Trace {
  const file = 'src/kernel/mm/pageset.ts';
  const calls = (...inner: string[]) => ['reader -', ...inner];
  return traceOf(
    {
      scenario: 'writer and reader',
      threads: ['CPU 0', 'CPU 1', 'interrupt on CPU 0'],
      file,
      token: 'g1.51aa.0x2-2x1-1x4-0x_.n0x3-1',
      failure: {
        kind: 'use-after-free',
        message: 'CPU 0 writes word 3 of page 0x1a40, which CPU 1 has freed',
        thread: 0,
        step: 7,
        details: [
          {
            heading: 'the page was allocated by CPU 0, order 0, GFP_KERNEL',
            lines: [
              '__get_free_pages  src/kernel/mm/gfp.ts:120',
              'writer            test/scenarios/reader.ts:14',
            ],
          },
          {
            heading: 'the page was freed by CPU 1, step 6',
            lines: [
              'free_hot_cold_page  src/kernel/mm/pageset.ts:210',
              'free_pages          src/kernel/mm/gfp.ts:151',
              'reader              test/scenarios/reader.ts:22',
            ],
            step: 6,
          },
        ],
      },
    },
    [
      write(0, 'page 0x1a40 word 0', [0x6b6b6b6b, 1], '15 k.i32[at] = 1', ['writer -'], {
        site: {
          file: 'test/scenarios/reader.ts',
          line: 15,
          column: 9,
          text: 'k.i32[at] = 1',
          functionName: 'writer',
        },
      }),
      {
        thread: 0,
        kind: op.OP_WRITE,
        mode: op.MODE_ATOMIC,
        name: 'mailbox',
        before: 0,
        after: 0x1a40,
        site: {
          file: 'test/scenarios/reader.ts',
          line: 16,
          column: 9,
          text: 'Atomics.store(k.i32, MAILBOX, pfn)',
          functionName: 'writer',
        },
        calls: ['writer -'],
      },
      {
        thread: 2,
        kind: op.OP_LOCAL,
        note: 'interrupt begins',
        calls: ['do_timer -'],
      },
      {
        thread: 1,
        kind: op.OP_AWAIT,
        mode: op.MODE_ATOMIC,
        name: 'mailbox',
        before: 0x1a40,
        after: 0x1a40,
        site: {
          file: 'test/scenarios/reader.ts',
          line: 20,
          column: 14,
          text: 'k.cpu_relax(MAILBOX)',
          functionName: 'reader',
        },
        calls: calls(),
      },
      read(
        1,
        'page 0x1a40 flags',
        0x20,
        '188 this.u32[page + FLAGS]',
        calls('free_pages src/kernel/mm/gfp.ts:151'),
      ),
      {
        thread: 1,
        kind: op.OP_READ,
        mode: op.MODE_ATOMIC,
        name: 'page 0x1a40 count',
        before: 1,
        after: 1,
        note: 'not equal',
        at: '190 Atomics.compareExchange(this.i32, page + COUNT, 0, -1)',
        calls: calls('free_pages src/kernel/mm/gfp.ts:151', 'put_page_testzero src/kernel/mm/pageset.ts:189'),
      },
      write(
        1,
        'CPU 1 hot list of zone 0 Normal, count',
        [3, 4],
        '210 this.i32[list + COUNT]++',
        calls('free_pages src/kernel/mm/gfp.ts:151', 'free_hot_cold_page src/kernel/mm/pageset.ts:195'),
      ),
      write(0, 'page 0x1a40 word 3', [0x6b6b6b6b, 2], '17 k.i32[at + 3] = 2', ['writer -'], {
        site: {
          file: 'test/scenarios/reader.ts',
          line: 17,
          column: 9,
          text: 'k.i32[at + 3] = 2',
          functionName: 'writer',
        },
      }),
    ],
  );
}

/** A lost update, noticed when all threads have ended. */
export function assertionTrace(): Trace {
  const threads = [0, 1, 2];
  const increment = (thread: number, value: number): [Draft, Draft] => [
    read(thread, 'i32[0]', value, '4 m.i32[0]++', [], { mode: op.MODE_MARKED }),
    write(thread, 'i32[0]', [value, value + 1], '4 m.i32[0]++', [], { mode: op.MODE_MARKED }),
  ];
  const [first, second, third] = [increment(0, 0), increment(1, 0), increment(2, 1)];
  return traceOf(
    {
      scenario: 'three counters',
      threads: threads.map((thread) => `thread ${thread}`),
      file: 'counters.ts',
      token: 'g1.aa01.0x1-1x2-2x2-0x_',
      failure: {
        kind: 'assertion',
        message: 'after all threads have ended: expected 1 to be 3 // Object.is equality',
        thread: -1,
        step: 5,
        details: [{ heading: 'thrown at', lines: ['final  counters.ts:9'] }],
      },
    },
    [first[0], ...second, ...third, { ...first[1], before: 2 }],
  );
}

/** A queue that gives an element twice. */
export function linearizabilityTrace(): Trace {
  const file = 'test/scenarios/queue.ts';
  const cas = (thread: number, before: number, after: number, won: boolean): Draft => ({
    thread,
    kind: won ? op.OP_CAS : op.OP_READ,
    mode: op.MODE_ATOMIC,
    name: 'queue.head',
    before,
    after: won ? after : before,
    note: won ? '' : 'not equal',
    at: '41 Atomics.compareExchange(m.i32, HEAD, head, next)',
    calls: ['worker -', `dequeue ${file}:${60 + thread}`],
  });
  const load = (thread: number, name: string, value: number, at: string): Draft =>
    read(thread, name, value, at, ['worker -', `dequeue ${file}:${60 + thread}`], { mode: op.MODE_ATOMIC });
  return traceOf(
    {
      scenario: 'dequeue twice',
      threads: ['thread 0', 'thread 1', 'thread 2', 'thread 3'],
      file,
      token: 'g1.3b02.0x2-1x3-3x1-2x2-0x_',
      failure: {
        kind: 'linearizability',
        message: 'no order of the calls explains that dequeue() gives 7 twice',
        thread: 2,
        step: 9,
        details: [
          {
            heading: 'the calls, as they overlapped',
            lines: [
              'thread 0  |-- dequeue() = 7 ----------------|',
              'thread 1     |-- dequeue() = 7 ----|',
              'thread 3        |-- enqueue(9) --|',
            ],
          },
        ],
      },
    },
    [
      load(0, 'queue.head', 2, '38 Atomics.load(m.i32, HEAD)'),
      load(0, 'queue.nodes[2].next', 3, '39 Atomics.load(m.i32, head + NEXT)'),
      load(1, 'queue.head', 2, '38 Atomics.load(m.i32, HEAD)'),
      load(1, 'queue.nodes[2].next', 3, '39 Atomics.load(m.i32, head + NEXT)'),
      cas(1, 2, 3, true),
      {
        thread: 3,
        kind: op.OP_NOTIFY,
        mode: op.MODE_ATOMIC,
        name: 'queue.tail',
        note: 'wakes thread 2',
        at: '72 Atomics.notify(m.i32, TAIL)',
        calls: ['worker -', `enqueue ${file}:63`],
      },
      {
        thread: 2,
        kind: op.OP_WAIT,
        mode: op.MODE_ATOMIC,
        name: 'queue.tail',
        before: 0,
        after: 0,
        note: 'asleep',
        at: '50 Atomics.wait(m.i32, TAIL, 0)',
        calls: ['worker -', `waitForMore ${file}:62`],
      },
      {
        thread: 2,
        kind: op.OP_TIMEOUT,
        name: 'queue.tail',
        note: 'timed out',
        at: '50 Atomics.wait(m.i32, TAIL, 0)',
        calls: ['worker -', `waitForMore ${file}:62`],
      },
      cas(0, 3, 3, false),
      load(2, 'queue.head', 3, '38 Atomics.load(m.i32, HEAD)'),
    ],
  );
}

/** Six threads, with names that are too long for their columns. */
export function sixThreadsTrace(): Trace {
  const file = 'src/kernel/mm/a-file-with-a-rather-long-name.ts';
  const names = ['CPU 0', 'CPU 1', 'CPU 2', 'CPU 3', 'kswapd on node 1', 'interrupt on CPU 3'];
  const shared = 'zone 1 Normal free_area[3].free_list[movable].next';
  const order = [0, 1, 5, 3, 2, 4, 0];
  return traceOf(
    {
      scenario: 'everybody at once',
      threads: names,
      file,
      token: 'g1.77e0.0x1-1x1-5x1-3x1-2x1-4x1-0x_',
      failure: {
        kind: 'out-of-bounds',
        message: 'CPU 0 reads 4 bytes beyond the end of free_area',
        thread: 0,
        step: 6,
        details: [],
      },
    },
    order.map((thread, i) =>
      i % 2 === 0
        ? read(thread, shared, 0x6b6b6b6b, `${100 + i} this.u32[area]`, ['rmqueue_bulk -'])
        : write(thread, 'i32[3]', [i, i + 1], `${100 + i} this.i32[3]++`, [
            'free_one_page_of_a_block a.ts:8',
          ]),
    ),
  );
}

/** All of them. */
export function allTraces(): Trace[] {
  return [
    raceTrace(),
    deadlockTrace(),
    useAfterFreeTrace(),
    assertionTrace(),
    linearizabilityTrace(),
    sixThreadsTrace(),
  ];
}

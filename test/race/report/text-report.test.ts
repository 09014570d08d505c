import { describe, expect, it } from 'vitest';
import type { Trace, TraceEvent } from '../../../src/race/engine/failure.js';
import { OP_ACQUIRE, OP_READ, OP_WRITE } from '../../../src/race/engine/op.js';
import { renderTrace } from '../../../src/race/report/text-report.js';
import * as traces from './traces.js';

const command = 'npx gfp check stack.ts';

/** The lines of the table. */
function tableOf(report: string): string[] {
  return report.split('\n').filter((line) => line.startsWith('|'));
}

/** A trace in which each thread in turn executes `each` operations. */
function turns(threads: number, each: number, event: (i: number) => Partial<TraceEvent>): Trace {
  const drafts = Array.from({ length: threads * each }, (_, i) => ({
    thread: Math.floor(i / each),
    kind: OP_READ,
    name: `i32[${i}]`,
    after: i,
    ...event(i),
  }));
  const trace = traces.raceTrace();
  const names = Array.from({ length: threads }, (_, i) => `thread ${i}`);
  const failure = { ...trace.failure, thread: threads - 1, step: drafts.length - 1, details: [] };
  const events = drafts.map((draft, step): TraceEvent => ({ ...trace.events[0], ...draft, step }));
  return { ...trace, threads: names, events, failure };
}

describe('the report of', () => {
  it.each([
    ['race', traces.raceTrace()],
    ['deadlock', traces.deadlockTrace()],
    ['use-after-free', traces.useAfterFreeTrace()],
    ['assertion', traces.assertionTrace()],
    ['linearizability', traces.linearizabilityTrace()],
    ['six-threads', traces.sixThreadsTrace()],
  ])('%s can be read', async (name, trace) => {
    await expect(renderTrace(trace, { command })).toMatchFileSnapshot(`${name}.golden.txt`);
  });

  it.each([40, 60, 90, 120, 200])('any failure has a table of straight lines, in %i columns', (width) => {
    for (const trace of traces.allTraces()) {
      const table = tableOf(renderTrace(trace, { command, width }));
      expect(new Set(table.map((line) => line.length)).size).toBe(1);
      // A table that has no room keeps its narrowest columns.
      const least =
        'step'.length + 14 + 24 + 9 * (trace.threads.length - 1) + 3 * (trace.threads.length + 2) + 1;
      expect(table[0].length).toBeLessThanOrEqual(Math.max(width, least));
    }
  });
});

describe('what matters most', () => {
  const lines = renderTrace(traces.raceTrace(), { command }).trimEnd().split('\n');

  it('stands first: the cause', () => {
    expect(lines[0]).toBe(
      'race: thread 1 writes i32[0] while thread 0 writes it, and nothing orders the two',
    );
  });

  it('stands last: how to see it again', () => {
    expect(lines.slice(-2)).toEqual([
      'replay: npx gfp check stack.ts --replay g1.fc77.0x7-1x3-0x1-1x_',
      "in code: await explore(scenario, { replay: 'g1.fc77.0x7-1x3-0x1-1x_' })",
    ]);
  });

  it('is marked: the operation that failed, and the one that it raced with', () => {
    expect(lines.filter((line) => line.startsWith('|  > ') || line.startsWith('| > '))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('| * '))).toHaveLength(1);
  });
});

describe('private accesses', () => {
  it('are folded, unless the report is to be full', () => {
    const trace = traces.raceTrace();
    expect(renderTrace(trace, { command })).toContain('... 5 private accesses');
    const full = renderTrace(trace, { command, full: true });
    expect(full).not.toContain('private accesses');
    for (const { step } of trace.events) expect(full).toMatch(new RegExp(`^\\|[ *>]*${step} \\|`, 'm'));
  });

  it('are shown where the failure is', () => {
    const trace = turns(1, 9, () => ({ shared: false, kind: OP_WRITE }));
    const report = renderTrace(trace, { command });
    expect(report).toContain('... 8 private accesses');
    expect(report).toMatch(/^\| {2}> 8 \| .*write i32\[8\]/m);
  });

  it('do not hide what says more than its address', () => {
    const trace = turns(1, 4, (i) => ({ shared: false, kind: OP_ACQUIRE, note: i === 1 ? 'slow path' : '' }));
    expect(renderTrace(trace, { command })).toContain('lock i32[1] (slow path)');
  });
});

describe('calls', () => {
  const column = (trace: Trace) =>
    tableOf(renderTrace(trace, { command })).map((line) => line.split('|')[2].trimEnd());

  it('are shown when they are entered, and what is in them is indented', () => {
    const stacks = [
      ['f a:1'],
      ['f a:2', 'g a:20'],
      ['f a:3'],
      ['f a:2', 'g a:20'],
      ['f a:4', 'g a:20'],
      ['e a:1'],
    ];
    const trace = turns(1, stacks.length, (i) => ({ calls: stacks[i] }));
    expect(column(trace).slice(2, -2)).toEqual([
      ' f()',
      '   atomic read i32[0] = 0',
      '   g()',
      '     atomic read i32[1] = 1',
      '   atomic read i32[2] = 2',
      '   g()',
      '     atomic read i32[3] = 3',
      '   g()',
      '     atomic read i32[4] = 4',
      ' e()',
      '   atomic read i32[5] = 5',
    ]);
  });

  it('are not new because a function in them has got to another line', () => {
    const trace = turns(1, 3, (i) => ({ calls: ['main a.ts:7', `f a.ts:${i}`] }));
    expect(column(trace).filter((text) => text === '   f()')).toHaveLength(1);
  });

  it('name where they come from', () => {
    const table = tableOf(
      renderTrace(
        turns(1, 1, () => ({ calls: ['main a.ts:7', 'f a.ts:3'] })),
        { command },
      ),
    );
    expect(table.find((line) => line.includes('f()'))).toMatch(/\| a\.ts:7 +\|$/);
  });

  it('of a function without a name are shown where they say something', () => {
    const frames = [' a.ts:7', 'f a.ts:3', ' a.ts:4'];
    expect(column(turns(1, 1, () => ({ calls: frames }))).slice(2, 4)).toEqual([' f()', '   anonymous()']);
  });

  it('come from the places of the operations when nothing else is known', () => {
    const site = { file: 'a.ts', line: 1, column: 1, text: 'x', functionName: 'pop' };
    expect(column(turns(1, 2, () => ({ calls: [], site })))[2]).toBe(' pop()');
  });
});

describe('odd traces', () => {
  it('that are very long are shown at both ends', () => {
    const report = renderTrace(
      turns(1, 5000, () => ({})),
      { command },
    );
    expect(report).toContain('... 4,760 operations left out ...');
    expect(tableOf(report).length).toBeLessThan(260);
    expect(
      renderTrace(
        turns(1, 500, () => ({})),
        { command, full: true },
      ),
    ).not.toContain('left out');
  });

  it('that are very long show the operation that failed, and what the details speak of', () => {
    const trace = turns(1, 5000, () => ({}));
    const details = [{ heading: 'first', lines: ['here'], step: 1000 }];
    const report = renderTrace({ ...trace, failure: { ...trace.failure, step: 2000, details } }, { command });
    expect(report.match(/left out/g)).toHaveLength(3);
    expect(report).toMatch(/^\| \* 1000 \| .*\n\| .*999 operations left out.*\n\| > 2000 \|.*\n.*\^ race/m);
  });

  it('that fail before the first operation have a table', () => {
    const trace = traces.assertionTrace();
    const failure = { ...trace.failure, step: -1 };
    const table = tableOf(renderTrace({ ...trace, events: [], failure }, { command }));
    expect(table).toHaveLength(4);
    expect(table[2]).toContain('^ assertion ^');
  });

  it('keep their lines, whatever texts are in them', () => {
    const trace = turns(2, 2, () => ({ name: 'a\nb\u001b[31mc\u001b[0m\t\u2028d', note: 'x\ry' }));
    const failure = { ...trace.failure, message: '\u001b[31mexpected 1\u001b[39m\n\n- 1\n+ 2' };
    const report = renderTrace({ ...trace, failure, scenario: 'a\nb' }, { command });
    expect(report.split('\n').slice(0, 4)).toEqual([
      'race: expected 1',
      '  - 1',
      '  + 2',
      "in scenario 'a b': 2 threads, 4 operations, 1 switch",
    ]);
    expect(report).toContain('a bc d');
    expect(report.replace(/\n/g, '')).toMatch(/^[\x20-\x7e]*$/);
  });

  it('have no blanks at the ends of lines', () => {
    for (const trace of traces.allTraces()) expect(renderTrace(trace, { command })).not.toMatch(/ $/m);
  });
});

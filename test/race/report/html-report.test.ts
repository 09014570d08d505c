import { describe, expect, it } from 'vitest';
import type { Trace } from '../../../src/race/engine/failure.js';
import { renderHtml } from '../../../src/race/report/html-report.js';
import * as traces from './traces.js';

const options = { command: 'npx gfp check stack.ts' };

/** Elements that have no end tag. */
const VOID = new Set(['meta', '!doctype']);

/** The page's elements that are not closed, or closed without having been open. */
function unbalanced(page: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, slash, name] of page.matchAll(/<(\/?)([!a-z][a-z0-9]*)/g)) {
    if (VOID.has(name)) continue;
    if (slash === '') open.push(name);
    else if (open.pop() !== name) wrong.push(name);
  }
  return [...wrong, ...open];
}

/** What the page shows: its text without the style. */
function textOf(page: string): string {
  return page
    .replace(/<style>[^]*<\/style>/, '')
    .replace(/<[^>]*>/g, '')
    .replaceAll('&nbsp;', ' ')
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

describe('the page about a failure', () => {
  it.each(traces.allTraces().map((trace) => [trace.failure.kind, trace] as const))(
    'is whole and needs nothing else: %s',
    (_, trace) => {
      const page = renderHtml(trace, options);
      expect(unbalanced(page)).toEqual([]);
      expect(page).not.toMatch(/<script|<link|<img|<iframe|\bsrc=|\bhref=|url\(|@import|https?:/);
      expect(page).toContain('prefers-color-scheme: dark');
      expect(renderHtml(trace, options)).toBe(page);
    },
  );

  it('has a lane for each thread and every operation in its lane', () => {
    const trace = traces.useAfterFreeTrace();
    const page = renderHtml(trace, options);
    for (const name of trace.threads) expect(page).toContain(`>${name}</div>`);
    const lanes = [...page.matchAll(/grid-area: \d+ \/ (\d+); [^"]*" class="op /g)].map(
      (match) => Number(match[1]) - 2,
    );
    expect(lanes).toEqual(trace.events.map(({ thread }) => thread));
  });

  it('goes from top to bottom in the order of the execution', () => {
    const page = renderHtml(traces.sixThreadsTrace(), options);
    const lines = [...page.matchAll(/class="step" style="grid-area: (\d+) /g)].map((match) =>
      Number(match[1]),
    );
    expect(lines).toEqual([...lines].sort((a, b) => a - b));
    expect(new Set(lines).size).toBe(7);
  });

  it('draws every switch, to the right side', () => {
    const page = renderHtml(traces.linearizabilityTrace(), options);
    expect([...page.matchAll(/class="switch (left|right)"/g)].map((match) => match[1])).toEqual([
      'right',
      'right',
      'left',
      'left',
      'right',
    ]);
  });

  it('tells of an operation its values, expression, place and calls', () => {
    const text = textOf(renderHtml(traces.useAfterFreeTrace(), options));
    expect(text).toContain('before 0x6b6b6b6b = 1802201963\nafter  2');
    expect(text).toContain(
      'Atomics.compareExchange(this.i32, page + COUNT, 0, -1)\nat put_page_testzero  src/kernel/mm/pageset.ts:190:5\n',
    );
    expect(text).toMatch(/at free_pages +src\/kernel\/mm\/pageset\.ts:189\nat reader /);
  });

  it('highlights where it failed, and what that has to do with', () => {
    const page = renderHtml(traces.raceTrace(), options);
    expect(page.match(/class="op write failure[^"]*"/g)).toHaveLength(1);
    expect(page.match(/class="op write related[^"]*"/g)).toHaveLength(1);
  });

  it('says how to replay it', () => {
    expect(textOf(renderHtml(traces.raceTrace(), options))).toContain(
      "in code: await explore(scenario, { replay: 'g1.fc77.0x7-1x3-0x1-1x_' })",
    );
  });

  it('shows texts as they are, whatever is in them', () => {
    const evil = `</pre></div><script>alert("&amp;")</script><b title='`;
    const { events, failure } = traces.raceTrace();
    const site = { file: evil, line: 1, column: 1, text: evil, functionName: evil };
    const trace: Trace = {
      scenario: evil,
      threads: [evil, evil],
      token: evil,
      failure: { ...failure, message: evil, details: [{ heading: evil, lines: [evil] }] },
      events: events.map((event, i) => ({
        ...event,
        name: evil,
        note: evil,
        site,
        calls: i > 5 ? [] : [`${evil} ${evil}`],
      })),
    };
    const page = renderHtml(trace, { command: evil });
    expect(page).not.toContain('<script');
    expect(page).not.toContain('<b title');
    expect(unbalanced(page)).toEqual([]);
    expect(textOf(page)).toContain(`race: ${evil}`);
  });

  it('folds private accesses as the text does', () => {
    const trace = traces.raceTrace();
    expect(renderHtml(trace, options)).toContain('&hellip; 5 private accesses');
    expect(renderHtml(trace, { ...options, full: true })).not.toContain('private accesses');
  });
});

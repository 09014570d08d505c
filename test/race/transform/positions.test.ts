import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import { expect, test } from 'vitest';
import { transformSource } from '../../../src/race/transform/transform.js';
import { drive, load } from './support.js';

const SOURCE = `interface Shared {
  readonly view: Int32Array;
}

class Counter {
  private readonly shared: Shared;

  constructor(shared: Shared) {
    this.shared = shared;
  }

  add(by: number): number {
    const { view } = this.shared as Shared;
    view[0] += by;
    return (view[1 as number] =
      Atomics.add(view, 2, 1));
  }
}

export const run = (view: Int32Array): number => new Counter({ view }).add(5) + view[3];
`;

test('sites name line, column, expression and function of the TypeScript source', async () => {
  const { exports, runtime } = await load(SOURCE, { file: '/home/me/counter.ts' });
  drive(exports.run, new Int32Array(4));
  expect(runtime.places).toMatchInlineSnapshot(`
    [
      "/home/me/counter.ts:14:5 view[0] += by in Counter.add",
      "/home/me/counter.ts:14:5 view[0] += by in Counter.add",
      "/home/me/counter.ts:16:7 Atomics.add(view, 2, 1) in Counter.add",
      "/home/me/counter.ts:15:13 view[1] = Atomics.add(view, 2, 1) in Counter.add",
      "/home/me/counter.ts:20:81 view[3] in run",
    ]
  `);
});

test('sites of compiled code name the file that was compiled', async () => {
  const compiled = 'export const run = (v) => v[0];\n';
  // Line 1, column 25 of the compiled text is line 3, column 2 of the original.
  const inputMap = { version: 3, sources: ['../src/run.ts'], names: [], mappings: 'yBAEE' };
  const { exports, runtime } = await load(compiled, {
    file: '/home/me/dist/run.js',
    originalFile: '/home/me/src/run.ts',
    inputMap,
  });
  drive(exports.run, new Int32Array(4));
  expect(runtime.places).toEqual(['/home/me/src/run.ts:3:3 v[0] in run']);
});

test('each name in the output maps to where it stands in the source', () => {
  const { code, map } = transformSource(SOURCE, { file: '/home/me/counter.ts' });
  const trace = new TraceMap(JSON.stringify(map));
  const source = SOURCE.split('\n');
  const wrong: string[] = [];
  let checked = 0;
  code.split('\n').forEach((line, i) => {
    for (const { index, 0: name } of line.matchAll(/\b(?:Counter|shared|view|by)\b/g)) {
      const found = originalPositionFor(trace, { line: i + 1, column: index });
      // What the transform adds at the start of the module comes from nowhere.
      if (found.line === null) continue;
      checked++;
      // Or where its declaration begins.
      const text = source[found.line - 1].slice(found.column).replace(/^(?:private |readonly )+/, '');
      if (!text.startsWith(name)) wrong.push(`${name} in ${line}`);
    }
  });
  expect(wrong).toEqual([]);
  expect(checked).toBeGreaterThan(20);
});

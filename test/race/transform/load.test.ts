import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** The loader works on what Node itself loads, so it is tested in processes of its own, with the built package. */
const LOAD = new URL('../../../dist/src/race/transform/load.js', import.meta.url).href;
const KERNEL = new URL('../../../dist/src/kernel/', import.meta.url).href;
const RACE = new URL('../../../dist/src/race/index.js', import.meta.url).href;
const run = promisify(execFile);

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gfp-race-load-'));
  file('package.json', '{ "type": "module" }');
  file(
    'scenario.ts',
    `import { GFP_KERNEL, Kernel } from 'gfp';
import * as race from 'gfp/race';
import { first } from './helper.js';
interface Memory {
  readonly i32: Int32Array;
}
export const gfp = { GFP_KERNEL, Kernel, race };
export const thread = (m: Memory): number => first(m.i32);
export function fail(m: Memory): number {
  return first(m.i32.missing as Int32Array);
}
`,
  );
  file('helper.ts', 'export const first = (view: Int32Array): number => view[0];\n');
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

/** Runs a script; gives what it prints. Whatever goes to the error output fails. */
async function script(text: string): Promise<unknown> {
  const code = `
    import { loadInstrumented } from ${JSON.stringify(LOAD)};
    const here = (name) => new URL(name, ${JSON.stringify(`${pathToFileURL(folder).href}/`)});
    const kernel = (name) => new URL(name, ${JSON.stringify(KERNEL)});
    ${text}`;
  file('script.mjs', code);
  const { stdout, stderr } = await run(process.execPath, [join(folder, 'script.mjs')], {
    env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache'), NODE_OPTIONS: '' },
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as unknown;
}

test('a TypeScript scenario and what it imports are transformed, gfp/race is not', async () => {
  const result = await script(`
    const { gfp, thread } = await loadInstrumented(here('scenario.ts'));
    const { Kernel } = await loadInstrumented(kernel('kernel.js'));
    const race = await import(${JSON.stringify(RACE)});
    const helper = await loadInstrumented(here('helper.ts'));
    console.log(JSON.stringify({
      thread: typeof thread.$r,
      helper: typeof helper.first.$r,
      kernel: typeof gfp.Kernel.prototype.alloc_pages.$r,
      isSameKernel: gfp.Kernel === Kernel,
      isSameRace: gfp.race === race,
      gfpKernel: gfp.GFP_KERNEL,
    }));`);
  expect(result).toEqual({
    thread: 'function',
    helper: 'function',
    kernel: 'function',
    isSameKernel: true,
    isSameRace: true,
    gfpKernel: 0xd0,
  });
});

test('modules of other kinds are left to Node', async () => {
  mkdirSync(join(folder, 'old'));
  file('old/package.json', '{}');
  file('old/common.js', 'exports.value = 5;\n');
  file(
    'old/esm.js',
    "import common from './common.js';\nimport data from './data.cjs';\nexport const f = (v) => v[common.value + data];\n",
  );
  file('old/data.cjs', 'module.exports = 1;\n');
  const result = await script(`
    const { f } = await loadInstrumented(here('old/esm.js'));
    console.log(JSON.stringify([f([0, 1, 2, 3, 4, 5, 6]), typeof f.$r]));`);
  expect(result).toEqual([6, 'function']);
});

test('stacks of errors name the lines of the scenario', async () => {
  const stack = await script(`
    const { fail } = await loadInstrumented(here('scenario.ts'));
    try { fail({ i32: new Int32Array(1) }); } catch (error) { console.log(JSON.stringify(error.stack)); }`);
  expect(stack).toContain('helper.ts:1:');
  expect(stack).toContain('scenario.ts:10:10');
});

test('patches change the source text, each set its own instances', async () => {
  const patch = {
    file: 'kernel/core/list',
    find: 'i32[head] = entry;\n}\n\n/** Adds before',
    replace: 'i32[head] = 99;\n}\n\n/** Adds before',
  };
  const result = await script(`
    const patches = [${JSON.stringify(patch)}];
    const plain = await loadInstrumented(kernel('core/list.js'));
    const patched = await loadInstrumented(kernel('core/list.js'), patches);
    const again = await loadInstrumented(kernel('core/list.js'), patches.slice());
    const head = ({ list_add }) => { const i32 = new Int32Array(8); list_add(i32, 2, 0); return i32[0]; };
    console.log(JSON.stringify([head(plain), head(patched), patched === again]));`);
  expect(result).toEqual([2, 99, true]);
});

test('a patch that does not fit is refused', async () => {
  const result = await script(`
    const messages = [];
    for (const patch of [
      { file: 'kernel/core/list', find: 'no such text', replace: '' },
      { file: 'kernel/core/list', find: 'i32', replace: '' },
      { file: 'kernel/mm/nothing', find: 'a', replace: '' },
      { file: 'race/explore', find: 'a', replace: '' },
    ]) await loadInstrumented(kernel('core/list.js'), [patch]).catch((error) => messages.push(error.message.replace(/\\d+ times/, 'N times')));
    console.log(JSON.stringify(messages));`);
  expect(result).toMatchInlineSnapshot(`
    [
      "kernel/core/list: what a patch wants to replace is not there, must be once: no such text",
      "kernel/core/list: what a patch wants to replace is there N times, must be once: i32",
      "kernel/mm/nothing: a patch is for a file of the kernel, written without extension from src on, like kernel/mm/buddy",
      "race/explore: a patch is for a file of the kernel, written without extension from src on, like kernel/mm/buddy",
    ]
  `);
});

test('code that cannot be explored names the place', async () => {
  file(
    'wrong.ts',
    'export const f = (v: Int32Array) => {\n  const load = Atomics.load;\n  return load(v, 0);\n};\n',
  );
  const message = await script(`
    await loadInstrumented(here('wrong.ts')).catch((error) => console.log(JSON.stringify(error.message)));`);
  expect(message).toContain(`${join(folder, 'wrong.ts')}:2:16: Atomics.load as a value`);
});

test('worker threads load transformed modules too', async () => {
  file(
    'worker.mjs',
    `import { parentPort } from 'node:worker_threads';
import { loadInstrumented } from ${JSON.stringify(LOAD)};
const { thread } = await loadInstrumented(new URL('scenario.ts', import.meta.url));
parentPort.postMessage(typeof thread.$r);
`,
  );
  const result = await script(`
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    await loadInstrumented(here('helper.ts'));
    const worker = new Worker(here('worker.mjs'));
    const [message] = await once(worker, 'message');
    console.log(JSON.stringify(message));`);
  expect(result).toBe('function');
});

test('broken entries of the cache count for none', async () => {
  const load = `
    const { thread } = await loadInstrumented(here('scenario.ts'));
    console.log(JSON.stringify(typeof thread.$r));`;
  expect(await script(load)).toBe('function');
  const cache = join(folder, 'cache', 'gfp', 'race');
  const entries = readdirSync(cache);
  expect(entries.length).toBeGreaterThan(1);
  entries.forEach((name, i) => {
    const text = readFileSync(join(cache, name), 'utf8');
    writeFileSync(
      join(cache, name),
      i % 2 === 0 ? text.slice(0, text.length >> 1) : text.replace('$rd', '$rx'),
    );
  });
  expect(await script(load)).toBe('function');
});

test('the whole kernel is transformed and loads', async () => {
  const result = await script(`
    import { readdirSync } from 'node:fs';
    const names = readdirSync(kernel('.'), { recursive: true }).filter((name) => name.endsWith('.js'));
    const failures = [];
    for (const name of names) await loadInstrumented(kernel(name)).catch((error) => failures.push(error.message));
    console.log(JSON.stringify({ isWhole: names.length > 100, failures }));`);
  expect(result).toEqual({ isWhole: true, failures: [] });
});

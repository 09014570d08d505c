import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Machine, PRESET_NAMES } from 'gfp';
import { afterAll, describe, expect, it } from 'vitest';

import { gfp, gfpHere, node } from './support.js';

const readme = readFileSync('README.md', 'utf8');

/** Inside the package, so that the example finds `gfp` by its name as it does where gfp is installed. */
const folder = mkdtempSync(join('dist', 'readme-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The first column of the table whose heading is given, without quotes. */
function firstColumn(heading: string): string[] {
  const lines = readme.split('\n');
  const start = lines.findIndex((line) => new RegExp(`^\\| ${heading} +\\|`).test(line)) + 2;
  const end = lines.findIndex((line, at) => at > start && !line.startsWith('|'));
  return lines.slice(start, end).map((line) => line.split('|')[1].trim().replaceAll('`', ''));
}

describe('the README', () => {
  it('lists the commands that there are', async () => {
    const { stdout } = await gfpHere('--help');
    const commands = stdout.slice(stdout.indexOf('\nCommands:\n')).matchAll(/^ {2}(\w+)/gm);
    const names = [...commands].map(([, name]) => `gfp ${name}`).filter((name) => name !== 'gfp help');
    expect(firstColumn('command')).toEqual(names);
  });

  it('lists the presets that there are', () => {
    expect(firstColumn('preset')).toEqual(PRESET_NAMES);
  });

  it('has an example that does what it says', async () => {
    const blocks = [...readme.matchAll(/^```js\n\/\/ (\S+)\n([^]*?)^```$/gm)];
    expect(blocks.map(([, name]) => name)).toEqual([
      'work.mjs',
      'main.mjs',
      'counter.mjs',
      'tasks.mjs',
      'objects.mjs',
      'pools.mjs',
      'leak.mjs',
      'letters.mjs',
      'letter.mjs',
    ]);
    const lines = blocks.slice(0, 2).map(([, , text]) => text.trim().split('\n').length);
    expect(lines.reduce((sum, count) => sum + count)).toBeLessThanOrEqual(15);
    for (const [, name, text] of blocks) writeFileSync(join(folder, name), text);
    const { code, stdout, stderr } = await node('main.mjs', [], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('CPU 3 of node 1: 10000 rounds\n');
    expect(stdout).toMatch(/^Node 1, zone +DMA32 /m);
    expect(stdout).toMatch(/^0 violations$/m);
  });

  it('has an example of two threads with a heap that does what it says', async () => {
    const blocks = [...readme.matchAll(/^```js\n\/\/ (letters?\.mjs)\n([^]*?)^```$/gm)];
    for (const [, name, text] of blocks) writeFileSync(join(folder, name), text);
    expect(await node('letters.mjs', [], folder)).toMatchObject({
      stdout: '500500 numbers read\n0 bytes in use\n',
      stderr: '',
    });
    expect(readme).toContain('It prints `500500 numbers read` and `0 bytes in use`.');
  });

  it('has an example of tasks that runs', async () => {
    const example = /^```js\n\/\/ tasks\.mjs\n([^]*?)^```$/m.exec(readme)?.[1] ?? '';
    writeFileSync(join(folder, 'tasks.mjs'), example);
    const machine = await Machine.boot('x86_64-numa2');
    try {
      const module = pathToFileURL(resolve(folder, 'tasks.mjs'));
      const rounds = await machine.cpu(0).run(module, 'parent', { readers: 3 });
      expect(rounds).toBeGreaterThan(2);
      // Who has waited for the end of a task goes on a little before the task is gone.
      await expect
        .poll(() => machine.tasks().map(({ comm }) => comm), { timeout: 30_000 })
        .toEqual(['run/0', 'run/1', 'run/2', 'run/3']);
      expect((await machine.audit()).violations).toEqual([]);
      expect(machine.dmesg()).not.toContain('BUG');
    } finally {
      await machine.halt();
    }
  });

  it('shows what its example of objects finds', async () => {
    const example = /^```js\n(\/\/ objects\.mjs\n[^]*?)^```$/m.exec(readme)?.[1] ?? '';
    const line = /^```text\n(inode [^]*?)^```$/m.exec(readme)?.[1] ?? '';
    writeFileSync(join(folder, 'objects.mjs'), example);
    const machine = await Machine.boot('tiny', { debug: { faults: true } });
    try {
      const module = pathToFileURL(resolve(folder, 'objects.mjs'));
      const { slabinfo, ...found } = (await machine.cpu(0).run(module, 'inodes')) as { slabinfo: string };
      expect(found).toEqual({ links: 1, bytes: 32, busy: 0 });
      expect(slabinfo.split('\n')).toContain(line.trimEnd());
      const pools = /^```js\n(\/\/ pools\.mjs\n[^]*?)^```$/m.exec(readme)?.[1] ?? '';
      writeFileSync(join(folder, 'pools.mjs'), pools);
      const useRequest = () => machine.cpu(0).run(pathToFileURL(resolve(folder, 'pools.mjs')), 'useRequest');
      const listed = await useRequest();
      expect(listed).toMatch(/^[0-9a-f]{8} +4 +4 +1024 +0 kmalloc 200$/m);
      expect(readme).toContain('lists the pool with `4` elements of `4` and `1024` bytes that lie idle');
      // Its example of failures: the third request is the first element of the reserve.
      for (const [, file, text] of readme.matchAll(/^await machine\.write\('(\S+)', '(\S+)'\);/gm))
        await machine.write(file, text);
      await expect(useRequest()).rejects.toThrow('mempool_alloc: 0 is no memory pool');
      await useRequest();
      expect((await machine.audit()).violations).toEqual([]);
    } finally {
      await machine.halt();
    }
  });

  it('names a trace that is there', () => {
    const [, path] = /`gfp replay --by cache node_modules\/gfp\/(\S+)`/.exec(readme) ?? [];
    const { files } = JSON.parse(readFileSync('package.json', 'utf8')) as { files: string[] };
    expect(files).toContain(dirname(path));
    expect(existsSync(path)).toBe(true);
  });

  it('shows what debugging says of its example', async () => {
    const example = /^```js\n(\/\/ leak\.mjs\n[^]*?)^```$/m.exec(readme)?.[1] ?? '';
    const log = /^```text\n(slab error[^]*?)^```$/m.exec(readme)?.[1] ?? '';
    writeFileSync(join(folder, 'leak.mjs'), example);
    const machine = await Machine.boot('tiny', { debug: { slab: true } });
    try {
      await machine.cpu(0).run(pathToFileURL(resolve(folder, 'leak.mjs')), 'careless');
    } finally {
      await machine.halt();
    }
    const lines = machine.dmesg().replaceAll(/^\[ *[\d.]+\] /gm, '');
    const parts = log.split('...\n');
    expect(parts).toHaveLength(3);
    for (const part of parts) expect(lines).toContain(part);
  });

  it('shows the report that the explorer prints for its example', async () => {
    const example = /^```js\n(\/\/ counter\.mjs\n[^]*?)^```$/m.exec(readme)?.[1] ?? '';
    const report = /^```text\n(FAIL {2}two increments[^]*?)^```$/m.exec(readme)?.[1] ?? '';
    writeFileSync(join(folder, 'counter.mjs'), example);
    const { code, stdout, stderr } = await gfp('check', join(folder, 'counter.mjs'));
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    // There it is run in the folder of the file; the table is as wide as its paths.
    const plain = (text: string) =>
      text
        .replaceAll(/\S*counter\.mjs/g, 'counter.mjs')
        .replaceAll(/ +/g, ' ')
        .replaceAll(/-{3,}/g, '---');
    for (const line of report.trim().split('\n'))
      if (line !== '...') expect(plain(stdout)).toContain(plain(line));
  });

  it('shows a configuration that boots', async () => {
    const text = /^```json\n([^]*?)^```$/m.exec(readme)?.[1] ?? '';
    const file = join(folder, 'machine.json');
    writeFileSync(file, text);
    const trace = 'test/fixtures/trace/http.ftrace';
    const { code, stdout, stderr } = await gfpHere('replay', '--machine', file, trace);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('2 nodes, 8 CPUs, 1,536 MiB of memory');
  });

  it('names the commands that CI runs', () => {
    const ci = readFileSync('.ci/run', 'utf8');
    for (const command of ['npm ci && npm test', 'npm ci && npm start']) {
      expect(readme).toContain(command);
      expect(ci).toContain(`(${command})`);
    }
  });
});

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { listScenarios } from '../../dist/src/race/campaign/explore-job.js';
import { ExplorePool } from '../../dist/src/race/campaign/explore-pool.js';
import { RaceUsageError } from '../../dist/src/race/race-error.js';
import { type Ended, gfp, gfpHere } from './support.js';

const ADDERS = 'test/fixtures/race/adders.ts';
const RACE = 'test/fixtures/race/race.mjs';
/** Another thread would only cost time where threads are not what a test is about. */
const ONE = ['--jobs', '1'];
const WRONG = "adders: one doesn't count";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gfp-check-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Runs a command line that a report shows, in a shell, as a user would. */
function shell(line: string): Promise<Ended> {
  const command = line.replace(/^gfp /, `"${process.execPath}" dist/src/cli/main.js `);
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', command], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe('gfp check', () => {
  it('has a line for each scenario, and the report of what failed', async () => {
    const { code, stdout, stderr } = await gfp('check', ADDERS);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^FAIL {2}adders: one doesn't count {2}assertion +after \d+ executions$/);
    expect(lines[2]).toBe('assertion: in the end: the sum is 1, not 2');
    expect(stdout).toContain(`${ADDERS}:6`);
    expect(stdout).toMatch(/^pass {2}adders: right +\d+ executions \(complete\)/m);
    expect(stdout.endsWith('\n\n2 scenarios: 1 passed, 1 failed\n')).toBe(true);
  });

  it('prints the command that prints the same report again', async () => {
    const { stdout } = await gfpHere('check', ADDERS, '--scenario', WRONG, ...ONE);
    const [, report] = /^FAIL .*\n\n([^]*)$/.exec(stdout)!;
    const [, command] = /^replay: (.*)$/m.exec(report)!;
    expect(await shell(command)).toEqual({ code: 1, stdout: report, stderr: '' });
  });

  it('finds the scenario of a token among several', async () => {
    const { stdout } = await gfpHere('check', ADDERS, '--json', ...ONE);
    const [{ token }] = JSON.parse(stdout) as { token: string }[];
    const { code, stdout: report } = await gfpHere('check', ADDERS, '--replay', token);
    expect(code).toBe(1);
    expect(report).toContain(`in scenario '${WRONG}'`);
  });

  it('prints just these fields as JSON', async () => {
    const { code, stdout, stderr } = await gfpHere('check', ADDERS, RACE, '--json', '--seed', '7', ...ONE);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const results = JSON.parse(stdout) as Record<string, unknown>[];
    for (const result of results) {
      expect(Object.keys(result)).toEqual([
        'name',
        'verdict',
        'kind',
        'executions',
        'complete',
        'executionsToFailure',
        'accesses',
        'executionsPerSecond',
        'token',
        'message',
      ]);
    }
    expect(results.map(({ name, verdict, kind, complete }) => ({ name, verdict, kind, complete }))).toEqual([
      { name: WRONG, verdict: 'fail', kind: 'assertion', complete: false },
      { name: 'adders: right', verdict: 'pass', kind: null, complete: true },
      { name: 'two writers', verdict: 'fail', kind: 'race', complete: false },
    ]);
  });

  it('is fine when nothing fails, and knows when nothing is left', async () => {
    const { code, stdout } = await gfpHere(
      'check',
      ADDERS,
      '--scenario',
      'adders: right',
      '--exhaustive',
      ...ONE,
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^pass {2}adders: right {2}2 executions \(complete\) .*\n$/);
  });

  it('is not fine when --exhaustive was not possible', async () => {
    const args = ['--scenario', 'adders: right', '--exhaustive', '--executions', '1'];
    const { code, stderr } = await gfpHere('check', ADDERS, ...args, ...ONE);
    expect(code).toBe(1);
    expect(stderr).toContain('not everything was explored');
  });

  it('writes a page for each failure', async () => {
    const page = join(folder, 'report.html');
    const { code, stderr } = await gfpHere('check', ADDERS, RACE, '--html', page, ...ONE);
    expect(code).toBe(1);
    expect(stderr).toBe(`written: ${page}\nwritten: ${join(folder, 'report-2.html')}\n`);
    expect(readFileSync(page, 'utf8')).toContain('the sum is 1, not 2');
    expect(readFileSync(join(folder, 'report-2.html'), 'utf8')).toContain('two writers');
  });

  it('keeps what scenarios print, and where they crash, apart from results', async () => {
    const crash = 'test/fixtures/race/crash.ts';
    const prints = await gfp('check', crash, '--scenario', 'prints', '--json');
    expect(prints.code).toBe(0);
    expect(JSON.parse(prints.stdout)).toMatchObject([{ name: 'prints', verdict: 'pass' }]);
    expect(prints.stderr).toContain('a word from setup');
    const throws = await gfp('check', crash, '--scenario', 'throws', '--json');
    expect(throws.code).toBe(1);
    expect(JSON.parse(throws.stdout)).toMatchObject([
      { name: 'throws', verdict: 'fail', kind: null, token: null },
    ]);
    expect(throws.stdout).toContain('no setup');
  });
});

describe('a campaign of gfp check', () => {
  it('writes the same file each time, whatever the number of threads', async () => {
    const out = join(folder, 'campaign.jsonl');
    const args = ['check', ADDERS, '--shard', '2/3', '--seed-from', '10', '--count', '7', '--out', out];
    const first = await gfpHere(...args, '--executions', '50', '--jobs', '1');
    expect(first.code).toBe(1);
    const text = readFileSync(out, 'utf8');
    const rows = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows.map(({ name, seed, verdict }) => [name, seed, verdict])).toEqual([
      [WRONG, 11, 'fail'],
      [WRONG, 14, 'fail'],
      ['adders: right', 11, 'pass'],
      ['adders: right', 14, 'pass'],
    ]);
    expect(Object.keys(rows[0])).not.toContain('executionsPerSecond');
    expect(first.stdout).toContain(
      `replay: gfp check ${ADDERS} --scenario 'adders: one doesn'\\''t count' --replay g1.`,
    );
    expect(first.stdout.endsWith(`${out}: 4 explorations, 2 failures\n`)).toBe(true);
    await gfpHere(...args, '--executions', '50', '--jobs', '2');
    expect(readFileSync(out, 'utf8')).toBe(text);
    expect(readdirSync(folder).filter((name) => name.startsWith('campaign'))).toEqual(['campaign.jsonl']);
  });

  it('leaves no half of a file', async () => {
    const out = join(folder, 'half.jsonl');
    const file = write('broken.mjs', 'export default 7;');
    const { code } = await gfpHere('check', file, '--seed-from', '1', '--count', '2', '--out', out);
    expect(code).toBe(2);
    expect(existsSync(out)).toBe(false);
  });
});

describe('gfp check --self', () => {
  it('has a line for each check, and counts executions exactly', async () => {
    const { code, stdout, stderr } = await gfpHere(
      'check',
      '--self',
      '--scenario',
      'litmus: 6 threads add to a word',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      'ok    silent, 720 executions (complete)     litmus: 6 threads add to a word\n\n1 check: all as expected\n',
    );
  });

  it('prints JSON, with what was expected', async () => {
    const name = 'Peterson: raises no flag';
    const { code, stdout } = await gfpHere('check', '--self', '--scenario', name, '--json', ...ONE);
    expect(code).toBe(0);
    const [result] = JSON.parse(stdout) as { token: string }[];
    expect(result).toMatchObject({
      name,
      verdict: 'fail',
      group: 'classic',
      expected: 'race or assertion',
      ok: true,
    });
    const replay = await gfpHere('check', '--self', '--replay', result.token, '--scenario', name);
    expect(replay.code).toBe(1);
    expect(replay.stdout).toContain(
      `replay: gfp check --self --scenario '${name}' --replay ${result.token}\n`,
    );
  });
});

describe('gfp check refuses', () => {
  async function refused(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await gfpHere('check', ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    return stderr;
  }

  it.each([
    [['--strategy', 'luck'], "there is no strategy 'luck': use one of portfolio"],
    [['--strategy', 'pct:0'], 'integer from 1 to 16'],
    [['--executions', '0'], 'whole number from 1'],
    [['--executions', 'many'], 'whole number from 1'],
    [['--seconds', '0'], 'number above 0'],
    [['--seed', '-1'], 'whole number from 0'],
    [['--jobs', '0'], 'whole number from 1 to 256'],
    [['--shard', '3/2'], 'It must be i/n'],
    [['--shard', '1/2'], '--seed-from is missing'],
    [['--count', '2', '--seed-from', '1'], '--out is missing'],
    [
      ['--exhaustive', '--strategy', 'pos'],
      '--exhaustive explores everything, by dpor: leave --strategy out',
    ],
    [['--replay', 'g1.1234.0x1', '--seconds', '1'], '--replay repeats one execution: leave --seconds out'],
    [['--self'], 'leave the files out'],
    [['--scenario', 'none'], "there is no scenario 'none', but 'two writers'"],
    [['--replay', 'hello'], "replay token: 'hello' is none"],
    [['--replay', 'g1.1234.0x1'], 'it belongs to another scenario'],
    [['--html', 'no-folder/x.html'], 'there is no folder no-folder'],
    [['--out', '.', '--seed-from', '1', '--count', '1'], 'this is a folder'],
    [['--strategy', 'dpor', '--out', 'x', '--seed-from', '1', '--count', '1'], 'the same with every seed'],
  ])('%j', async (args, message) => {
    expect(await refused(RACE, ...args)).toContain(message);
  });

  it('no file, and files that are none', async () => {
    expect(await refused()).toContain('name a file with scenarios');
    expect(await refused('nothing.ts')).toContain('nothing.ts: there is no such file');
    expect(await refused('README.md')).toContain('one of .js, .mjs, .ts, .mts');
  });

  it('a file that is wrong', async () => {
    const file = write('wrong.ts', 'export default 7;');
    expect(await refused(file)).toContain('is 7, it must be a scenario or an array of scenarios');
  });

  it('a scenario on a machine that there is not', async () => {
    const text = 'export default { name: "x", machine: "tinny", threads: [(k) => { k.i32[0]++; }] };';
    expect(await refused(write('machine.ts', text))).toContain("nearest is 'tiny'");
  });
});

/** What the command refuses a file for, without a thread for each. */
describe('scenarios are wrong', () => {
  const pool = new ExplorePool(1);
  afterAll(() => pool.close());
  let wrong = 0;

  it.each([
    ['export default 7;', 'is 7, it must be a scenario or an array of scenarios'],
    ['export const a = 7;', 'has no default export'],
    ['export default [];', 'an empty array'],
    ['export default = 7;', '.ts:1:16: Unexpected token'],
    ['import "./nothing.js";', 'Cannot find module'],
    ['throw new Error("on top");', 'cannot be loaded: on top'],
    ['export default { name: "x", memory: 8, threads: [] };', "scenario 'x': threads is an array of 0"],
    [
      'const f = () => {}; const s = { name: "x", memory: 8, threads: [f] }; export default [s, s];',
      'two scenarios',
    ],
  ])('%s', async (text, message) => {
    // The thread has loaded the others.
    const file = write(`wrong-${wrong++}.ts`, text);
    const error = await listScenarios(pool, file).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RaceUsageError);
    expect((error as Error).message).toContain(message);
  });
});

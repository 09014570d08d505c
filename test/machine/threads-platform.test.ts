import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { ThreadsPlatform } from '../../src/machine/threads-platform.js';

const folder = mkdtempSync(join(tmpdir(), 'gfp-platform-'));
afterAll(() => rmSync(folder, { recursive: true }));

function moduleUrl(name: string, source: string): string {
  writeFileSync(join(folder, name), source);
  return pathToFileURL(join(folder, name)).href;
}

function platform(reports: string[] = []): ThreadsPlatform {
  return new ThreadsPlatform(new Int32Array(new SharedArrayBuffer(64)), 3, process.hrtime.bigint(), {
    report: (text) => {
      reports.push(text);
    },
    startThread: (task) => {
      reports.push(`a thread for task ${task}`);
    },
    loading: (load) => load(),
  });
}

test('waits no longer than it may, and not at all when the word differs', () => {
  const here = platform();
  const start = here.now();
  here.wait(0, 1, 10_000);
  expect(here.now() - start).toBeLessThan(10_000);
  here.wait(0, 0, 5);
  expect(here.now() - start).toBeGreaterThanOrEqual(4);
  here.notify(0, 1);
  here.relax(0);
});

test('counts time from the epoch, hands on reports, and polls the word', () => {
  const reports: string[] = [];
  const before = process.hrtime.bigint();
  const here = platform(reports);
  expect(here.thread).toBe(3);
  const now = here.now();
  expect(now).toBeGreaterThanOrEqual(0);
  expect(now).toBeLessThanOrEqual(Number(process.hrtime.bigint() - before) / 1e6);
  here.report('a report');
  expect(reports).toEqual(['a report']);
  expect(here.poll(5, Int32Array.of(0, 0, 0, 0, 0, 7))).toBe(7);
});

describe('load', () => {
  test('gives the exported function, loaded once', () => {
    const url = moduleUrl(
      'good.mjs',
      'let calls = 0; export const count = (k, info) => void (k[0] = calls += info);',
    );
    const here = platform();
    const count = here.load(url, 'count');
    const seen = new Int32Array(1);
    count(seen, 2);
    expect(seen[0]).toBe(2);
    expect(here.load(url, 'count')).toBe(count);
    platform().load(url, 'count')(seen, 3);
    expect(seen[0]).toBe(5);
  });

  test.each([
    ['missing.mjs', undefined, /missing\.mjs could not be loaded: Cannot find module/],
    ['broken.mjs', 'export const f = ;', /broken\.mjs could not be loaded: Unexpected token/],
    ['throws.mjs', 'throw new Error("no luck")', /throws\.mjs could not be loaded: no luck/],
    [
      'waits.mjs',
      'await 1; export function f() {}',
      /waits\.mjs could not be loaded: it uses top-level await/,
    ],
    ['other.mjs', 'export function g() {}', /other\.mjs exports no function 'f'/],
    ['number.mjs', 'export const f = 5;', /number\.mjs exports no function 'f'/],
  ])('says what is wrong with %s', (name, source, message) => {
    const url = source === undefined ? pathToFileURL(join(folder, name)).href : moduleUrl(name, source);
    expect(() => platform().load(url, 'f')).toThrow(message);
  });

  test('refuses what is not a file', () => {
    expect(() => platform().load('https://example.org/m.js', 'f')).toThrow('must be a file: URL');
  });
});

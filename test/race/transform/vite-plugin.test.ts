import { expect, test } from 'vitest';
import { gfpRace } from '../../../src/race/transform/vite-plugin.js';

const SOURCE = 'export const f = (v: Int32Array): number => v[0];';

function isTransformed(path: string, options?: Parameters<typeof gfpRace>[0]): boolean {
  return gfpRace(options).transform(SOURCE, path) !== undefined;
}

test('files that are named so are transformed', () => {
  for (const name of ['queue.race.ts', 'queue.race.test.ts', 'queue.race.spec.mts', 'queue.race.ts?v=1']) {
    expect(isTransformed(`/home/me/test/${name}`), name).toBe(true);
  }
  for (const name of ['queue.test.ts', 'race.ts', 'queue.race.json', 'queue.race.ts/other.ts']) {
    expect(isTransformed(`/home/me/test/${name}`), name).toBe(false);
  }
});

test('files are chosen by globs and regular expressions', () => {
  const path = '/home/me/project/src/locks/queue.ts';
  for (const include of ['src/**/*.ts', '**/queue.{js,ts}', 'queue.?s', /locks\/.*\.ts$/]) {
    expect(isTransformed(path, { include }), String(include)).toBe(true);
  }
  for (const include of ['src/*.ts', 'src/**/*.js', 'ueue.ts', 'queue{js,ts}']) {
    expect(isTransformed(path, { include }), include).toBe(false);
  }
  expect(isTransformed(path, { include: ['src/**', 'lib/**'], exclude: 'src/locks/**' })).toBe(false);
});

test('what it gives runs with the types removed and maps to the source', () => {
  const result = gfpRace().transform(SOURCE, '/home/me/queue.race.ts');
  expect(result?.code).toContain('from "gfp/race/runtime"');
  expect(result?.code).not.toContain('Int32Array');
  expect(result?.map.sources).toEqual(['/home/me/queue.race.ts']);
  expect(result?.map.sourcesContent).toEqual([SOURCE]);
});

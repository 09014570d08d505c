import { expect, test } from 'vitest';
import { transformSource } from '../../../src/race/transform/transform.js';
import { TransformError } from '../../../src/race/transform/transform-error.js';

/** What the transform says to a module. */
function refusal(source: string, file = 'code.js'): string {
  try {
    transformSource(source, { file });
  } catch (error) {
    if (error instanceof TransformError) return error.message;
    throw error;
  }
  return 'accepted';
}

test('what cannot be explored is refused with the place and with what would be right', () => {
  expect(refusal('const v = [];\nfor (v[0] of [1]) ;')).toMatchInlineSnapshot(`"accepted"`);
  expect(refusal('export const f = (v, i) => {\n  [i, v[i]] = [1, 2];\n};')).toMatchInlineSnapshot(
    `"code.js:2:7: this target of a destructuring assignment must be a variable indexed by a variable or number that the pattern does not assign"`,
  );
  expect(refusal('const load = Atomics.load;')).toMatchInlineSnapshot(
    `"code.js:1:14: Atomics.load as a value: write Atomics.name(...) wherever it is called"`,
  );
  expect(refusal('const { load } = Atomics;')).toMatchInlineSnapshot(
    `"code.js:1:7: Atomics under another name: write Atomics.name(...) wherever it is called"`,
  );
  expect(refusal('Atomics.store(...args);')).toMatchInlineSnapshot(
    `"code.js:1:1: Atomics.store with spread arguments: write the arguments one by one"`,
  );
  expect(refusal('export const f = (o) => (o?.m)();')).toMatchInlineSnapshot(
    `"code.js:1:25: a call of (a?.b): write a?.b()"`,
  );
});

test('what is no code names the place', () => {
  expect(refusal('const a = 1;\nconst b = ;')).toMatchInlineSnapshot(`"code.js:2:11: Unexpected token"`);
  expect(refusal('const a: number = ;', 'code.ts')).toMatchInlineSnapshot(`"code.ts:1:19: Unexpected token"`);
});

test('asking whether an operation exists is no use of it', () => {
  expect(refusal("export const has = typeof Atomics.waitAsync === 'function';")).toBe('accepted');
});

test('places are those of the TypeScript source', () => {
  const source = `interface Shared {
    view: Int32Array;
  }
  export function f(s: Shared): void {
    type Local = number;
    for (s.view[0 as Local] of [1]) ;
  }`;
  expect(refusal(source, 'code.ts')).toContain('code.ts:6:10: ');
});

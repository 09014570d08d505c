import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { drive, load, loadPlain, watched } from './support.js';

/**
 * Random programs over three variables, a view of eight elements, two functions, a closure and an object with a method.
 * Loops end: each has a counter of its own.
 */
const { program } = fc.letrec<{
  expression: string;
  place: string;
  statement: string;
  block: string;
  program: string;
}>((tie) => {
  const expression = tie('expression');
  const variable = fc.constantFrom('a', 'b', 'c');

  const element = expression.map((key) => `v[(${key}) & 7]`);
  const simple = fc.constantFrom('v[a & 7]', 'v[0]', 'w[1]', 'o.x', 'o.v[2]', 'list[b & 1][c & 7]', 'own[1]');
  const operator = fc.constantFrom(
    '+',
    '-',
    '*',
    '&',
    '|',
    '^',
    '<<',
    '>>>',
    '<',
    '===',
    '&&',
    '||',
    '??',
    ',',
  );
  const assignment = fc.constantFrom('=', '+=', '-=', '*=', '&=', '|=', '^=', '>>=', '&&=', '||=', '??=');
  const step = fc.constantFrom('++', '--');
  return {
    place: fc.oneof(variable, simple, element),
    expression: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'program' },
      fc.oneof(
        variable,
        fc.integer({ min: -3, max: 9 }).map((n) => `(${n})`),
        simple,
      ),
      fc.tuple(expression, operator, expression).map(([l, op, r]) => `((${l}) ${op} (${r}))`),
      tie('place').map((place) => `(${place})`),
      fc.tuple(tie('place'), assignment, expression).map(([l, op, r]) => `(${l} ${op} (${r}))`),
      fc.tuple(tie('place'), step).map(([place, op]) => `(${place}${op})`),
      fc.tuple(step, tie('place')).map(([op, place]) => `(${op}${place})`),
      fc.tuple(expression, expression, expression).map(([t, x, y]) => `((${t}) ? (${x}) : (${y}))`),
      fc
        .tuple(
          fc.constantFrom('f', 'g', 'o.m', 'h', 'o.n?.', 'o?.m', 'k.call', 'o[`m`]'),
          expression,
          expression,
        )
        .map(([name, x, y]) => (name === 'k.call' ? `k.call(undefined, ${x}, ${y})` : `${name}(${x}, ${y})`)),
      fc.tuple(expression, expression).map(([x, y]) => `f(...[${x}], ${y})`),
      fc.tuple(expression, expression).map(([x, y]) => `\`\${${x}}:\${${y}}\`.length`),
      fc.tuple(expression, expression).map(([x, y]) => `[${x}, ${y}][(${x}) & 1]`),
      expression.map((x) => `Atomics.add(v, (${x}) & 7, 1)`),
      expression.map((x) => `(() => { try { return ${x}; } finally { v[3]++; } })()`),
      expression.map((x) => `typeof (${x})`),
    ),
    statement: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'statements' },
      expression.map((x) => `${x};`),
      fc.tuple(variable, expression).map(([name, x]) => `${name} = (${x}) | 0;`),
      fc.tuple(expression, tie('block'), tie('block')).map(([t, x, y]) => `if (${t}) ${x} else ${y}`),
      fc.tuple(expression, tie('block')).map(([t, x]) => `for (let i = 0; i < 3 && (${t}); i++) ${x}`),
      fc.tuple(expression, tie('block')).map(([t, x]) => `{ let n = 3; while (n-- > 0 && (${t})) ${x} }`),
      fc.tuple(expression, tie('block')).map(([t, x]) => `{ let n = 3; do ${x} while (--n > 0 && (${t})); }`),
      fc
        .tuple(expression, tie('block'))
        .map(([t, x]) => `for (const i of [1, ${t}]) { if (i > 4) continue; ${x} }`),
      fc
        .tuple(tie('block'), expression, tie('block'))
        .map(
          ([x, t, y]) =>
            `try { ${x} if (${t}) throw new Error('thrown'); } catch { ${y} } finally { v[7]++; }`,
        ),
      fc
        .tuple(expression, tie('block'))
        .map(([t, x]) => `switch ((${t}) & 3) { case v[0]: ${x} case 1: break; default: a++; }`),
      fc.tuple(expression, expression).map(([x, y]) => `[a, b] = [${x}, ${y}];`),
      fc.tuple(expression, expression).map(([x, y]) => `({ x: c = ${x} } = { x: (${y}) || undefined });`),
    ),
    block: fc.array(tie('statement'), { maxLength: 3 }).map((all) => `{ ${all.join(' ')} }`),
    program: fc
      .tuple(expression, expression, fc.array(tie('statement'), { minLength: 1, maxLength: 5 }), expression)
      .map(([x, y, statements, result]) => moduleOf(x, y, statements.join('\n  '), result)),
  };
});

/** Calls and accesses that a program may make before it gives up. */
const BUDGET = 400;

function moduleOf(inF: string, inO: string, statements: string, result: string): string {
  return `
let budget = ${BUDGET};
function spend() { if (--budget < 0) throw new Error('budget'); }
export function run(v, w) {
  let a = 1, b = 2, c = 3;
  const own = [5, 6, 7];
  const list = [v, w];
  const o = { x: 4, v, w, n: undefined, m(p, q = v[p & 7]) { spend(); a = (a + 1) | 0; return (this.x + p + q) | 0; } };
  function f(p, q) { spend(); return (p + ${inF}) | 0; }
  const g = (p, q) => { spend(); return (q - o.x) | 0; };
  let h = (p) => g(p, a);
  class K { static at(p, q) { spend(); c++; return (${inO}) | 0; } }
  const k = K.at;
  try {
    ${statements}
    return String(${result});
  } catch (error) {
    return error.message;
  } finally {
    v[5] ^= (a + b * 3 + c * 5) | 0;
  }
}`;
}

/** Atomics of a watched view. */
const WATCHED_ATOMICS = 'const Atomics = { add: (v, i, x) => globalThis.Atomics.add(v.target, i, x) };';

const view = (): Int32Array => Int32Array.from([1, 2, 3, 4, 5, 6, 7, 8]);

test.prop([program, fc.array(fc.boolean(), { minLength: 1, maxLength: 7 })], { numRuns: 150 })(
  'a random program gives the same as it is, in plain functions, and in twins that pause anywhere',
  async (source, pattern) => {
    const plain = (await loadPlain(WATCHED_ATOMICS + source)) as {
      run: (v: Int32Array, w: Int32Array) => unknown;
    };
    const accesses: string[] = [];
    const target = view();
    const expected = plain.run(watched(target, accesses), watched(target, accesses));

    const sync = await load(source);
    const syncView = view();
    expect(sync.exports.run(...([syncView, syncView] as never[]))).toEqual(expected);
    expect(syncView).toEqual(target);

    const twin = await load(source);
    twin.runtime.yieldsAt = (point) => pattern[point % pattern.length];
    const twinView = view();
    expect(drive(twin.exports.run, twinView, twinView)).toEqual(expected);
    expect(twinView).toEqual(target);
    expect(twin.runtime.hidden).toEqual([]);

    expect(elementAccesses(sync.runtime.log)).toEqual(accesses);
    expect(elementAccesses(twin.runtime.log)).toEqual(accesses);
  },
);

function elementAccesses(log: readonly string[]): string[] {
  return log.filter((entry) => /^[rw] /.test(entry));
}

import { describe, expect, test } from 'vitest';
import { drive, load, loadPlain, watched } from './support.js';

/**
 * Programs, each a module with `run(v, b)`: `v` is an Int32Array of 16 elements 1, 2, 3, ..., `b` a BigInt64Array
 * of 4 elements.
 */
const PROGRAMS: Readonly<Record<string, string>> = {
  'free functions': `
    function add(v, i) { v[i] += v[i + 1]; return v[i]; }
    export function run(v) { return add(v, 0) + add(v, 1) * add(v, 0); }`,
  'functions that are declared after use': `
    export function run(v) { return later(v); function later(w) { return w[3] + outside(w); } }
    function outside(w) { return w[5]; }`,
  recursion: `
    function sum(v, n) { return n < 0 ? 0 : v[n] + sum(v, n - 1); }
    export function run(v) { return sum(v, 7); }`,
  'mutual recursion': `
    function even(v, n) { return n === 0 ? v[0] : odd(v, n - 1); }
    const odd = (v, n) => (n === 0 ? v[1] : even(v, n - 1));
    export function run(v) { return even(v, 5) * 10 + even(v, 4); }`,
  'methods and fields': `
    class Counter {
      step = 2;
      constructor(v) { this.v = v; }
      next() { return (this.v[0] += this.step); }
      twice() { this.next(); return this.next(); }
    }
    export function run(v) { const c = new Counter(v); c.twice(); return c.twice(); }`,
  'static methods, also of a subclass': `
    class A { static read(v) { return v[this.at]; } static at = 3; static { this.started = true; } }
    class B extends A { static at = 4; static read(v) { return super.read(v) * 10 + A.read(v); } }
    export function run(v) { return [B.read(v), A.read(v), A.started].join(); }`,
  'private methods and fields': `
    class Box {
      #v; #key = 2;
      constructor(v) { this.#v = v; }
      #at(i) { return this.#v[i]; }
      static #plus(a, b) { return a.#at(0) + b.#at(1); }
      read() { const f = this.#at; return this.#at(this.#key) + f.call(this, 5) + Box.#plus(this, this); }
    }
    export function run(v) { return new Box(v).read(); }`,
  'super, overriding and dynamic dispatch': `
    class A { constructor(v) { this.v = v; } get(i) { return this.v[i]; } both() { return this.get(1) + this.get(2); } }
    class B extends A { get(i) { return super.get(i + 1) * 2; } }
    class C extends B { constructor(v) { super(v); this.f = () => this.get(0); } call() { return this.f(); } }
    export function run(v) { const c = new C(v); return c.both() * 1000 + c.call(); }`,
  'super in an arrow': `
    class A { m(v) { return v[2]; } }
    class B extends A { m(v) { const f = (i) => super.m(v) + v[i]; return f(3); } }
    export function run(v) { return new B().m(v); }`,
  'computed, literal and symbol method names': `
    const name = 'late';
    class A { [name](v) { return v[0]; } 'odd name'(v) { return v[1]; } 7(v) { return v[2]; } [Symbol.for('x')](v) { return v[3]; } }
    export function run(v) { const a = new A(); return a.late(v) + a['odd name'](v) + a[7](v) + a[Symbol.for('x')](v); }`,
  'methods of object literals': `
    const k = 'key';
    const o = { n: 2, m(v) { return v[this.n]; }, f: function (v) { return v[this.n + 1]; }, a: (v) => v[4], [k](v) { return v[5]; }, 'x y'(v) { return v[6]; } };
    export function run(v) { return o.m(v) + o.f(v) * 2 + o.a(v) * 3 + o.key(v) + o['x y'](v); }`,
  'accessors and constructors that are hidden': `
    class A { constructor(v) { this.v = v; this.first = v[0]; } get x() { return this.v[1]; } set x(value) { this.v[1] = value; } }
    export function run(v) { const a = new A(v); a.x = 7; return a.first + a.x; }`,
  'a class in a function, with an arrow as a field': `
    export function run(v) {
      class A { v = v; read = (i) => this.v[i]; static make() { return new A(); } }
      return A.make().read(4) + new (class { m() { return v[5]; } })().m();
    }`,
  closures: `
    export function run(v) {
      let n = 0;
      const next = () => v[n++];
      function both() { return next() + next(); }
      return both() * 100 + both() + (() => v[n])() + (function () { return v[9]; })();
    }`,
  'closures in loops': `
    export function run(v) {
      const fs = [];
      for (let i = 0; i < 3; i++) fs.push(() => v[i] * 10 + i);
      let sum = 0;
      for (const f of fs) sum = sum * 100 + f();
      return sum;
    }`,
  'this and arguments in arrows': `
    const o = { n: 3, m(v) { const f = () => () => this.n + arguments.length + v[this.n] + arguments[0][1]; return f()(); } };
    export function run(v) { return o.m(v, 1, 2); }`,
  'arguments of a function': `
    function f() { return arguments[0][arguments[1]] + arguments.length; }
    export function run(v) { return f(v, 3, 4); }`,
  'new.target in an arrow': `
    function F(v) { const f = () => (new.target === undefined ? v[0] : v[1]); this.x = f(); }
    export function run(v) { return new F(v).x; }`,
  'named function expressions': `
    export function run(v) {
      const f = function count(n) { return n === 0 ? 0 : v[n] + count(n - 1); };
      return f(4) + f.name;
    }`,
  'names of functions': `
    const a = (v) => v[0];
    const o = { b: (v) => v[1], c(v) { return v[2]; } };
    let d; d = function (v) { return v[3]; };
    export function run(v) { return [a, o.b, o.c, d, run].map((f) => f.name).join() + a(v) + o.b(v) + o.c(v) + d(v) + run.length; }`,
  'default parameters': `
    const at = (v, i = v[0], j = v[i] + i, { k = v[2] } = {}) => [i, j, k];
    function g(v, i = (v[0] += 1), ...rest) { return i + rest.length; }
    export function run(v) { return [at(v), at(v, 3), at(v, 3, 4, { k: 5 }), g(v), g(v, 8, 9), at.length, g.length].join(); }`,
  'default parameters that the body declares again': `
    function f(v, a = v[1], b = a) { var a; return a + b + v[2]; }
    export function run(v) { return f(v) + f(v, 5); }`,
  'a default parameter that means an outer name': `
    const x = 2;
    function f(v, a = v[x]) { { const x = 5; return a + v[x]; } }
    export function run(v) { return f(v); }`,
  destructuring: `
    export function run(v) {
      const { a = v[1], b: { c }, ...rest } = { b: { c: v[2] }, d: 3, e: 4 };
      const [x, , y = v[3], ...zs] = [v[4], 0, undefined, v[5], 6];
      let p, q; [p, q = v[6]] = [v[7]]; ({ p, q: q } = { p: q, q: p });
      const f = ({ m }, [n]) => m + n;
      return [a, c, rest.d + rest.e, x, y, zs.length, p, q, f({ m: v[0] }, [v[1]])].join();
    }`,
  'destructuring into elements': `
    export function run(v) { [v[0], v[1]] = [v[1], v[0]]; const o = {}; ({ x: v[2], y: o.z } = { x: 9, y: 8 }); return [...o.z + v[2] + '', v[0]].join(); }`,
  'taking views apart is hidden': `
    export function run(v) { const [a, b] = v.subarray(0, 2); let sum = a + b; for (const x of v.subarray(2, 4)) sum += x; return sum + Math.max(...v) + Array.from(v).length; }`,
  'compound assignment': `
    export function run(v) {
      const r = [];
      r.push(v[0] += 5, v[0] -= 2, v[1] *= 3, v[2] /= 2, v[3] %= 3, v[4] <<= 2, v[5] >>= 1, v[6] >>>= 1, v[7] &= 6, v[8] |= 6, v[9] ^= 3, v[10] **= 2);
      return r.join() + [...v].join();
    }`,
  'order of evaluation': `
    export function run(v) {
      let i = 0;
      v[i++] = v[i++] + v[i++];
      v[i++] += i * v[i++];
      v[i] = i = 7;
      let w = v;
      w[(w = [1, 2, 3], 1)] = 5;
      const f = (...args) => args.join();
      return f(i, i++, v[i], i = 2, v[i]) + v.join();
    }`,
  increments: `
    export function run(v, b) { let i = 3; v[0]++; ++v[1]; const s = [v[2]++, ++v[2], v[i++]--, --v[i], b[0]++, ++b[0], b[1]--, -b[1]]; b[2] += 5n; return s.join() + v.join() + b.join(); }`,
  'logical assignment': `
    export function run(v) {
      v[0] = 0;
      const r = [v[0] &&= v[1], v[0] ||= v[2], v[0] ||= v[3], v[0] &&= v[4], v[0] ??= v[5]];
      const o = { k: null }; const list = [null]; const key = 0;
      o.k ??= v[6]; list[key] ??= v[7];
      return r.join() + o.k + list[0];
    }`,
  'conditions and operators': `
    export function run(v) { return [v[0] && v[1], v[0] > 5 || v[2], null ?? v[3], v[4] ? v[5] : v[6], !v[7], typeof v[8], void v[9], -v[10], (v[0], v[1]), v[0] in v, v instanceof Int32Array].join(); }`,
  loops: `
    export function run(v) {
      let s = 0;
      for (let i = 0, n = v[4]; i < v[3]; i++, n--) s += v[i] * n;
      for (var j = 0; j < 3; v[0]++) j++;
      while (v[1] < 6) v[1]++;
      do { v[2] -= 1; } while (v[2] > 0);
      do s += v[1]; while (s < v[9]);
      for (const key in { 1: 0, 2: 0 }) s += v[+key];
      for (const x of [v[5], v[6]]) { if (x > 6) continue; s += x * v[0]; }
      for (;;) { if (s++ > v[11]) break; }
      return s;
    }`,
  'labels, break and continue': `
    export function run(v) {
      let s = 0;
      outer: for (let i = 0; i < 5; i++) {
        inner: for (let j = 0; j < 5; j++) {
          if (v[j] === 2) continue;
          if (v[i] === 3) continue outer;
          if (v[j] === 5) break inner;
          if (i === 4) break outer;
          s = s * 10 + v[j];
        }
      }
      block: { if (v[0] === 1) break block; s = 0; }
      top: while (true) { do { if (v[1]++ > 4) break top; } while (v[2]); }
      return s;
    }`,
  switches: `
    function pick(v, i) { switch (v[i]) { case v[1]: return 'two'; case 3: { v[5] = 1; } case 4: v[6]++; break; default: function f() { return v[0]; } return f(); } return v[6]; }
    export function run(v) { return [0, 1, 2, 3].map((i) => pick(v, i)).join() + pick(v, 2); }`,
  'try, catch and finally': `
    function risky(v, i) { try { if (v[i] === 2) throw new Error('two' + v[i]); return v[i]; } catch ({ message }) { return message + v[0]; } finally { v[7]++; } }
    export function run(v) {
      const r = [risky(v, 0), risky(v, 1), v[7]];
      try { null[v[0]]; } catch (e) { r.push(e instanceof TypeError); }
      try { undefined.f(v[1]); } catch (e) { r.push(e instanceof TypeError); }
      try { v.missing(v[2]); } catch (e) { r.push(e instanceof TypeError); }
      try { const x = 5; x(v[3]); } catch (e) { r.push(e instanceof TypeError); }
      return r.join();
    }`,
  'finally that overrides': `
    function f(v) { for (;;) { try { return v[0]; } finally { if (v[1]++ < 4) continue; v[2] = 9; } } }
    export function run(v) { return f(v) + v[1] + v[2]; }`,
  'optional chains': `
    export function run(v) {
      const o = { v, f: (i) => v[i], n: null, get: () => o, m() { return this === o ? v[3] : -1; } };
      const none = undefined; let i = 0;
      return [o?.v[0], o.v?.[1], none?.v[i++], none?.[i++](i++), o.f?.(2), o.none?.(i++), o.get?.().v[3], o?.get().f?.(4), o.n?.x.y.z[i++],
        o.m?.(), o?.m(), o['m']?.(), o?.v?.at(1), delete o?.n, delete none?.x[i++], i, o?.get()?.n].join();
    }`,
  'spread and rest': `
    const sum = (...xs) => xs.reduce((a, b) => a + b, 0);
    export function run(v) { const xs = [v[0], v[1]]; const o = { ...{ a: v[2] }, b: v[3] }; return sum(...xs, v[4], ...[v[5]]) + Object.values(o).join() + Math.max(...xs, v[6]) + [...xs, ...new Set(xs)].length; }`,
  'templates and tags': `
    const tag = (strings, ...values) => strings.raw.join('|') + values.join() + Object.isFrozen(strings);
    const o = { x: 4, tag(strings, i) { return strings[1] + i[this.x]; } };
    const same = (s) => s; const twice = () => same\`x\`;
    export function run(v) { return \`a\${v[0]}b\${v[1] + \`\${v[2]}\`}\` + tag\`p\${v[3]}q\\n\${v[4]}\` + o.tag\`r\${v}s\` + String.raw\`\\t\${v[5]}\` + (twice() === twice()); }`,
  'generators and async functions of the user': `
    function* two(v) { yield v[0]; yield* [v[1]]; }
    async function later(v) { return v[3]; }
    export function run(v) { const it = two(v); return [...it].join() + (later(v) instanceof Promise) + [...(function* () { yield v[2]; })()].length; }`,
  'callbacks of native methods are hidden': `
    export function run(v) { return [0, 1, 2].map((i) => v[i]).join() + [3, 1, 2].sort((a, b) => v[a] - v[b]).join(); }`,
  'call, apply and bind': `
    function f(v, i) { return v[i] + (this?.n ?? 0); }
    const o = { call(v) { return v[4]; }, apply(v) { return v[5]; }, bind(v) { return v[6]; } };
    export function run(v) { const g = f.bind({ n: 3 }, v); return [f.call({ n: 1 }, v, 0), f.apply({ n: 2 }, [v, 1]), g(2), o.call(v), o.apply(v), o.bind(v), f.call(undefined, v, 3)].join(); }`,
  'functions as values': `
    const pick = (name) => ({ a: (v) => v[0], b: (v) => v[1] })[name];
    const table = [(v) => v[2], (v) => v[3]];
    const curry = (v) => (i) => (j) => v[i] + v[j];
    export function run(v) { let g = table[0]; g = table[1]; return pick('a')(v) + pick('b')(v) * 2 + table[0](v) + g(v) + curry(v)(4)(5); }`,
  Atomics: `
    export function run(v) {
      return [Atomics.load(v, 0), Atomics.store(v, 1, v[2] + 1), Atomics.add(v, 0, 5), Atomics.sub(v, 0, 1), Atomics.and(v, 2, 6),
        Atomics.or(v, 3, 3), Atomics.xor(v, 4, 1), Atomics.exchange(v, 5, Atomics.load(v, 6)), Atomics.compareExchange(v, 6, 7, v[0]),
        Atomics.compareExchange(v, 7, 0, 1), Atomics.isLockFree(4), typeof Atomics.waitAsync, Atomics.pause?.()].join() + v.join();
    }`,
  'a DataView and methods of views': `
    export function run(v) {
      const d = new DataView(v.buffer); d.setInt16(2, v[1], true); v.fill(3, 4, 6); v.copyWithin(0, 2, 4); v.set([8, 9], 10);
      return [d.getUint8(2), d.getInt16(2, true), v.indexOf(9), v.at(-1), v.slice(0, 3).join(), v.includes(42), v.subarray(1, 2).length, v.with?.(0, 5)[0]].join() + v.join();
    }`,
  'shadowed globals': `
    const Atomics = { load: (v, i) => v[i] * 100 };
    const Math = { max: (v) => v[1] };
    export function run(v) { const Object = { keys: (w) => w[2] }; return Atomics.load(v, 0) + Math.max(v) + Object.keys(v); }`,
  'statements without semicolons': `
    const f = (v) => v[0]
    let n
    export function run(v) {
      let a = f(v)
      v[1] = a
      n = v[1]
      ;[n] = [v[2]]
      v[3]++
      const o = class { x = v[4]
        static y = 3
        m() { return v[5] } }
      do n++
      while (n < v[9])
      if (n) v[6] = 3
      else v[7] = 2
      return new o().m() + n
    }`,
  'names like those of the transform': `
    const $1 = 1, $rd = 2, $b = 3, $ = 4, run$r = 5, $this = 6;
    export function run(v) { return v[$1] + v[$rd] + v[$b] + v[$] + v[run$r] + v[$this]; }`,
  'a default export': `
    export default function (v) { return v[0] + again(v); }
    const again = (v) => v[1];
    import.meta.url;
    export function run(v) { return again(v); }`,
  'assignment to a function': `
    let f = (v) => v[0];
    function g(v) { return v[1]; }
    export function run(v) { const before = f(v) + g(v); f = g; g = (w) => w[2]; return before * 100 + f(v) * 10 + g(v); }`,
};

const views = (): [Int32Array, BigInt64Array] => [
  Int32Array.from({ length: 16 }, (_, i) => i + 1),
  BigInt64Array.from([1n, 2n, 3n, 4n]),
];

/** Reads and writes of elements, as the untransformed program makes them. */
const isElementAccess = (entry: string): boolean => /^[rw] /.test(entry);

describe.for(Object.entries(PROGRAMS))('%s', ([, source]) => {
  test('plain, in plain functions, and in twins that pause', async () => {
    const plain = (await loadPlain(source)) as { run: (...views: unknown[]) => unknown };
    const [expectedView, expectedBig] = views();
    const expected = plain.run(expectedView, expectedBig);

    const sync = await load(source);
    const [syncView, syncBig] = views();
    expect(sync.exports.run(...([syncView, syncBig] as never[]))).toEqual(expected);
    expect([syncView, syncBig]).toEqual([expectedView, expectedBig]);

    for (const yieldsAt of [() => false, () => true, (point: number) => point % 3 === 1]) {
      const twin = await load(source);
      twin.runtime.yieldsAt = yieldsAt;
      const [twinView, twinBig] = views();
      expect(drive(twin.exports.run, twinView, twinBig)).toEqual(expected);
      expect([twinView, twinBig]).toEqual([expectedView, expectedBig]);
    }
  });

  test('every access is reported, in order', async () => {
    const accesses: string[] = [];
    const plain = (await loadPlain(source)) as { run: (...views: unknown[]) => unknown };
    const [view, big] = views();
    let isNative = false;
    try {
      plain.run(watched(view, accesses), watched(big, accesses));
    } catch {
      // What wants a real typed array cannot be watched.
      isNative = true;
    }
    if (isNative) return;
    const { exports, runtime } = await load(source);
    const [same, sameBig] = views();
    drive(exports.run, watched(same, []), watched(sameBig, []));
    expect(runtime.log.filter(isElementAccess)).toEqual(accesses);
  });
});

test('only what cannot pause is hidden', async () => {
  const hidden: Record<string, number> = {};
  for (const [name, source] of Object.entries(PROGRAMS)) {
    const { exports, runtime } = await load(source);
    drive(exports.run, ...views());
    if (runtime.hidden.length > 0) hidden[name] = runtime.hidden.length;
  }
  expect(Object.keys(hidden)).toMatchInlineSnapshot(`
    [
      "accessors and constructors that are hidden",
      "new.target in an arrow",
      "taking views apart is hidden",
      "compound assignment",
      "switches",
      "generators and async functions of the user",
      "callbacks of native methods are hidden",
      "statements without semicolons",
    ]
  `);
});

import { type TransformOptions, transformSource } from '../../../src/race/transform/transform.js';
import { FakeRuntime } from './fake-runtime.js';

export type Twinned = ((...args: never[]) => unknown) & {
  $r?: (...args: unknown[]) => Generator<undefined, unknown, undefined>;
};

const runtimes = new Map<string, FakeRuntime>();
Object.assign(globalThis, { raceTestRuntimes: runtimes });
let next = 0;

const NAMES = Object.keys(new FakeRuntime().exports).join(', ');

export interface Loaded {
  readonly exports: Readonly<Record<string, Twinned>>;
  readonly runtime: FakeRuntime;
  readonly code: string;
}

/** Transforms a module and runs it. */
export async function load(source: string, options: Partial<TransformOptions> = {}): Promise<Loaded> {
  const runtime = new FakeRuntime();
  const key = String(next++);
  runtimes.set(key, runtime);
  const specifier = dataUrl(`export const { ${NAMES} } = globalThis.raceTestRuntimes.get('${key}').exports;`);
  const { code } = transformSource(source, { file: 'test.js', ...options, runtime: specifier });
  return { exports: (await loadPlain(code)) as Loaded['exports'], runtime, code };
}

/** Runs a module as it is. */
export async function loadPlain(code: string): Promise<Readonly<Record<string, unknown>>> {
  return (await import(/* @vite-ignore */ dataUrl(`${code}\n// ${next++}`))) as Readonly<
    Record<string, unknown>
  >;
}

function dataUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** Runs the twin to its end; calls what has none. */
export function drive(fn: Twinned, ...args: unknown[]): unknown {
  if (fn.$r === undefined) return fn(...(args as never[]));
  const run = fn.$r(...args);
  for (;;) {
    const { done, value } = run.next();
    if (done === true) return value;
  }
}

/** A view whose elements are reached under observation. */
export function watched<View extends Int32Array | BigInt64Array>(view: View, accesses: string[]): View {
  return new Proxy(view, {
    // Transformed code takes it for a view; see `isElement` of the fake runtime.
    getPrototypeOf: () => Object.getPrototypeOf(view) as object,
    get(target, key) {
      if (key === 'target') return target;
      if (isIndex(key)) accesses.push(`r ${key}`);
      const value: unknown = Reflect.get(target, key, target);
      return value;
    },
    set(target, key, value) {
      if (isIndex(key)) accesses.push(`w ${key} = ${String(value)}`);
      return Reflect.set(target, key, value, target);
    },
  });
}

function isIndex(key: string | symbol): key is string {
  return typeof key === 'string' && /^\d+$/.test(key);
}

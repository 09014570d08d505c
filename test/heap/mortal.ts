import { MemoryImage } from '../../src/image/memory-image.js';

/** Thrown where a thread ends in the middle of something. */
export class Killed extends Error {}

const realAtomics = Atomics;
const targets = new WeakMap<object, Int32Array>();

/** The memory of a thread that ends at one of its writes: what it writes from then on has not happened. */
export class MortalThread {
  readonly image: MemoryImage;
  /** Writes so far. */
  writes = 0;
  /** The write at which it ends. */
  last = Infinity;

  constructor(buffer: SharedArrayBuffer) {
    this.image = new MemoryImage(buffer);
    const { i32 } = this.image;
    const proxy = new Proxy(i32, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (key === 'fill' || key === 'copyWithin' || key === 'set') this.#count();
          return Reflect.apply(value as (...args: unknown[]) => unknown, target, args);
        };
      },
      set: (target, key, value) => {
        this.#count();
        return Reflect.set(target, key, value, target);
      },
    });
    targets.set(proxy, i32);
    this.#proxy = proxy;
    Object.defineProperty(this.image, 'i32', { value: proxy });
  }

  readonly #proxy: object;

  /** Runs something on this thread, up to its end. */
  run(work: () => void): void {
    const changing = ['store', 'add', 'and', 'or', 'exchange', 'compareExchange'];
    const call = (name: string, args: unknown[]): unknown => {
      const operation = Reflect.get(realAtomics, name) as (...args: unknown[]) => unknown;
      if (args[0] === this.#proxy && changing.includes(name)) this.#count();
      return operation(targets.get(args[0] as object) ?? args[0], ...args.slice(1));
    };
    globalThis.Atomics = new Proxy(realAtomics, {
      get:
        (_, name) =>
        (...args: unknown[]) =>
          call(String(name), args),
    });
    try {
      work();
    } catch (error) {
      if (!this.isDead) throw error;
    } finally {
      globalThis.Atomics = realAtomics;
    }
  }

  get isDead(): boolean {
    return this.writes > this.last;
  }

  /** The next write: from the last one on, none happens. */
  #count(): void {
    this.writes++;
    if (this.isDead) throw new Killed();
  }
}

import { type Machine } from '../machine/machine.js';
import { type CacheSpec } from './object-classes.js';
import { type CreatedCache } from './replay-cpu.js';
import { type SlabFacts } from './slab-facts.js';

const CPU_MODULE = new URL('./replay-cpu.js', import.meta.url);

/** The caches of a machine that a replay creates and destroys; one CPU does all of it. */
export class ReplaySlabs {
  readonly #machine: Machine;
  readonly #cpu: number;
  readonly #created: CreatedCache[] = [];
  #handles = new Int32Array(0);

  /** @param cpu the CPU that creates and destroys */
  constructor(machine: Machine, cpu: number) {
    this.#machine = machine;
    this.#cpu = cpu;
  }

  /** The caches by number, as operations know them. */
  get handles(): Int32Array {
    return this.#handles;
  }

  /** What an object takes of each cache, by number (bytes). */
  get bytes(): number[] {
    return this.#created.map(({ bytes }) => bytes);
  }

  /** How many caches there was no memory for. */
  get failures(): number {
    return this.#created.filter(({ cache }) => cache === 0).length;
  }

  /** What has to be known of the slab allocator beforehand. */
  async facts(): Promise<SlabFacts> {
    return (await this.#run('readSlabFacts')) as SlabFacts;
  }

  /** Creates those caches that are not there yet. */
  async ensure(specs: readonly CacheSpec[]): Promise<void> {
    const missing = specs.slice(this.#created.length);
    if (missing.length === 0) return;
    this.#created.push(...((await this.#run('createCaches', missing)) as CreatedCache[]));
    this.#handles = Int32Array.from(this.#created, ({ cache }) => cache);
  }

  /** Destroys all of them; returns how many could not be. */
  async destroy(): Promise<number> {
    const caches = [...this.#handles].filter((cache) => cache !== 0);
    this.#created.length = 0;
    this.#handles = new Int32Array(0);
    return caches.length === 0 ? 0 : ((await this.#run('destroyCaches', caches)) as number);
  }

  /** Gives the memory back that slabs have and no object needs, so that it can be compared before and after. */
  async shrink(): Promise<void> {
    await this.#run('shrinkCaches');
  }

  #run(name: string, args?: unknown): Promise<unknown> {
    return this.#machine.cpu(this.#cpu).run(CPU_MODULE, name, args);
  }
}

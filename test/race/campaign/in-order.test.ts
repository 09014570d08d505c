import { expect, it } from 'vitest';
import { inOrder } from '../../../src/race/campaign/in-order.js';

/** Actions that end when they are told to. */
class Controlled {
  readonly begun: number[] = [];
  readonly #ends = new Map<number, { resolve: (value: string) => void; reject: (error: Error) => void }>();

  readonly action = (item: number): Promise<string> => {
    this.begun.push(item);
    return new Promise((resolve, reject) => this.#ends.set(item, { resolve, reject }));
  };

  end(item: number): void {
    this.#ends.get(item)?.resolve(`result ${item}`);
  }

  fail(item: number): void {
    this.#ends.get(item)?.reject(new Error(`failure ${item}`));
  }
}

it('gives results in the order of the items, with so many under way at most', async () => {
  const controlled = new Controlled();
  const results = inOrder([1, 2, 3], 2, controlled.action);
  const first = results.next();
  controlled.end(2);
  controlled.end(1);
  expect(await first).toEqual({ value: 'result 1', done: false });
  expect(controlled.begun).toEqual([1, 2]);
  const second = await results.next();
  expect(second).toEqual({ value: 'result 2', done: false });
  controlled.end(3);
  expect(await results.next()).toEqual({ value: 'result 3', done: false });
  expect(await results.next()).toEqual({ value: undefined, done: true });
});

it('gives what came before a failure', async () => {
  const controlled = new Controlled();
  const results = inOrder([1, 2], 2, controlled.action);
  const first = results.next();
  controlled.fail(2);
  controlled.end(1);
  expect(await first).toEqual({ value: 'result 1', done: false });
  await expect(results.next()).rejects.toThrow('failure 2');
});

import { describe, expect, it } from 'vitest';

import { LockOrder } from '../../../src/race/detect/lock-order.js';

const [A, B, C, GATE] = [100, 200, 300, 400];

/** One execution in which the thread takes the locks one after the other and gives them all back. */
function take(order: LockOrder, thread: number, locks: readonly number[], shared: readonly number[] = []) {
  order.begin();
  return locks.map((lock, i) => order.acquire(thread, lock, 10 * thread + i, shared.includes(lock))).at(-1);
}

describe('the order of locks', () => {
  it('is inverted when two threads take two locks in different orders, in whatever executions', () => {
    const order = new LockOrder();
    expect(take(order, 0, [A, B])).toBeUndefined();
    expect(take(order, 1, [A, B])).toBeUndefined();
    expect(take(order, 1, [B, A])).toEqual([
      expect.objectContaining({ from: B, to: A, thread: 1, site: 11 }),
      expect.objectContaining({ from: A, to: B, thread: 0, site: 1 }),
    ]);
    expect(take(order, 1, [B, A])).toBeUndefined();
  });

  it('is inverted by a longer circle', () => {
    const order = new LockOrder();
    expect(take(order, 0, [A, B])).toBeUndefined();
    expect(take(order, 1, [B, C])).toBeUndefined();
    expect(take(order, 2, [C, A])?.map((edge) => [edge.from, edge.to, edge.thread])).toEqual([
      [C, A, 2],
      [A, B, 0],
      [B, C, 1],
    ]);
  });

  it('counts each lock that is held, not the last one alone', () => {
    const order = new LockOrder();
    take(order, 0, [A, B, C]);
    expect(take(order, 1, [C, A])).toHaveLength(2);
  });

  it('is not inverted by one thread alone', () => {
    const order = new LockOrder();
    expect(take(order, 0, [A, B])).toBeUndefined();
    expect(take(order, 0, [B, A])).toBeUndefined();
    expect(take(order, 1, [A, B])).toHaveLength(2);
  });

  it('is not inverted under a lock that lets only one of them in', () => {
    const order = new LockOrder();
    expect(take(order, 0, [GATE, A, B])).toBeUndefined();
    expect(take(order, 1, [GATE, B, A])).toBeUndefined();
    expect(take(order, 1, [B, A])).toHaveLength(2);
  });

  it('is not inverted by readers who wait for readers', () => {
    const order = new LockOrder();
    expect(take(order, 0, [A, B], [A, B])).toBeUndefined();
    expect(take(order, 1, [B, A], [A, B])).toBeUndefined();
    expect(take(order, 1, [B, A], [B])).toBeUndefined();
    expect(take(order, 0, [A, B], [A])).toHaveLength(2);
  });

  it('is not inverted by an attempt that does not wait', () => {
    const order = new LockOrder();
    take(order, 0, [A, B]);
    order.begin();
    order.acquire(1, B, 0);
    order.acquireByTrying(1, A);
    expect(order.held(1)).toEqual([B, A]);
    // What is held by then counts for those that follow.
    order.acquire(1, C, 0);
    expect(take(order, 0, [C, A])).toHaveLength(2);
  });

  it('does not depend on what was released', () => {
    const order = new LockOrder();
    take(order, 0, [A, B]);
    order.begin();
    order.acquire(1, B, 0);
    order.release(1, B);
    expect(order.acquire(1, A, 0)).toBeUndefined();
  });
});

describe('who has a lock', () => {
  it('is known until it is released', () => {
    const order = new LockOrder();
    expect(order.ownerOf(A)).toBe(-1);
    order.acquire(2, A, 0);
    order.acquire(2, B, 0);
    expect(order.ownerOf(A)).toBe(2);
    expect(order.held(2)).toEqual([A, B]);
    expect(order.release(1, A)).toBe(false);
    expect(order.release(2, A)).toBe(true);
    expect(order.ownerOf(A)).toBe(-1);
    expect(order.held(2)).toEqual([B]);
    order.begin();
    expect(order.held(2)).toEqual([]);
  });

  it('are all readers', () => {
    const order = new LockOrder();
    order.acquire(1, A, 0, true);
    order.acquire(2, A, 0, true);
    expect([0, 1, 2].map((thread) => order.holds(thread, A))).toEqual([false, true, true]);
    order.release(1, A);
    expect(order.ownerOf(A)).toBe(2);
  });
});

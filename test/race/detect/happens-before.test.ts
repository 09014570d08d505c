import { describe, expect, it } from 'vitest';

import { HappensBefore } from '../../../src/race/detect/happens-before.js';
import { MODE_ATOMIC, MODE_MARKED, MODE_PLAIN } from '../../../src/race/engine/op.js';

/** A detector whose accesses are numbered, with sites ten times the number. */
function history(threads: number, bytes = 64) {
  const detector = new HappensBefore(bytes);
  detector.begin(threads);
  let step = 0;
  return {
    detector,
    read: (thread: number, address: number, size = 4, mode = MODE_PLAIN) =>
      detector.read(thread, address, size, mode, step * 10, step++),
    write: (thread: number, address: number, size = 4, mode = MODE_PLAIN) =>
      detector.write(thread, address, size, mode, step * 10, step++),
    load: (thread: number, address: number, size = 4) =>
      detector.read(thread, address, size, MODE_ATOMIC, step * 10, step++),
    store: (thread: number, address: number, size = 4) =>
      detector.write(thread, address, size, MODE_ATOMIC, step * 10, step++),
    add: (thread: number, address: number, size = 4) =>
      detector.readWrite(thread, address, size, step * 10, step++),
  };
}

describe('plain accesses', () => {
  it('race when one of them is a write', () => {
    const writes = history(2);
    expect(writes.write(0, 8)).toBeUndefined();
    expect(writes.write(1, 8)).toEqual({
      thread: 0,
      isWrite: true,
      mode: MODE_PLAIN,
      address: 8,
      size: 4,
      site: 0,
      step: 0,
    });

    const readThenWrite = history(2);
    expect(readThenWrite.read(0, 8)).toBeUndefined();
    expect(readThenWrite.write(1, 8)).toMatchObject({ thread: 0, isWrite: false, step: 0 });

    const writeThenRead = history(2);
    expect(writeThenRead.write(0, 8)).toBeUndefined();
    expect(writeThenRead.read(1, 8)).toMatchObject({ thread: 0, isWrite: true, step: 0 });
  });

  it('do not race when all of them read, lie beside each other, or are of one thread', () => {
    const h = history(3);
    for (const thread of [0, 1, 2, 0, 1, 2]) expect(h.read(thread, 0)).toBeUndefined();
    for (const thread of [0, 1, 2]) expect(h.write(thread, 16 + 4 * thread)).toBeUndefined();
    for (const thread of [0, 1, 2]) expect(h.write(thread, 33 + thread, 1)).toBeUndefined();
    expect(h.read(0, 16)).toBeUndefined();
    expect(h.write(0, 16)).toBeUndefined();
  });

  it('race with each of several readers', () => {
    for (const joined of [0, 1, 2]) {
      const h = history(4);
      for (const thread of [0, 1, 2]) h.read(thread, 0);
      for (const thread of [0, 1, 2]) if (thread !== joined) h.detector.wake(thread, 3);
      expect(h.write(3, 0)).toMatchObject({ thread: joined, isWrite: false });
    }
  });

  it('of different width race when they overlap', () => {
    const narrow = history(2);
    narrow.write(0, 10, 1);
    expect(narrow.read(1, 8, 2)).toBeUndefined();
    expect(narrow.read(1, 8)).toMatchObject({ thread: 0, address: 10, size: 1 });

    const wide = history(2);
    wide.write(0, 8, 8);
    expect(wide.write(1, 12)).toMatchObject({ thread: 0, address: 8, size: 8 });
    expect(wide.read(1, 9, 1)).toMatchObject({ thread: 0, address: 8, size: 8 });

    const unaligned = history(2);
    unaligned.write(0, 6, 8);
    expect(unaligned.read(1, 4, 2)).toBeUndefined();
    expect(unaligned.read(1, 14, 2)).toBeUndefined();
    expect(unaligned.read(1, 13, 1)).toMatchObject({ address: 6, size: 8 });
  });

  it('of long ranges race when they overlap', () => {
    const h = history(2, 4096);
    h.write(0, 1003, 2000);
    expect(h.read(1, 1002, 1)).toBeUndefined();
    expect(h.read(1, 3003, 1)).toBeUndefined();
    expect(h.read(1, 2000)).toMatchObject({ thread: 0, isWrite: true, address: 1003, size: 2000 });
    expect(h.write(1, 3002, 1)).toMatchObject({ address: 1003, size: 2000 });
  });
});

describe('atomic accesses', () => {
  it('of the same range do not race', () => {
    const h = history(3);
    for (const thread of [0, 1, 2]) expect(h.store(thread, 0)).toBeUndefined();
    for (const thread of [0, 1, 2]) expect(h.load(thread, 0)).toBeUndefined();
    for (const thread of [0, 1, 2]) expect(h.add(thread, 8, 8)).toBeUndefined();
  });

  it('of different ranges race', () => {
    const h = history(2);
    h.store(0, 0);
    expect(h.load(1, 0, 1)).toMatchObject({ thread: 0, mode: MODE_ATOMIC, address: 0, size: 4 });
    h.store(0, 16, 2);
    expect(h.store(1, 16)).toMatchObject({ mode: MODE_ATOMIC, address: 16, size: 2 });
    h.load(0, 24, 8);
    expect(h.add(1, 28)).toMatchObject({ mode: MODE_ATOMIC, isWrite: false, address: 24, size: 8 });
    h.load(0, 32, 8);
    expect(h.load(1, 32)).toBeUndefined();
  });

  it('race with plain ones', () => {
    const h = history(2);
    h.store(0, 0);
    expect(h.read(1, 0)).toMatchObject({ mode: MODE_ATOMIC, isWrite: true });
    h.read(0, 8);
    expect(h.store(1, 8)).toMatchObject({ mode: MODE_PLAIN, isWrite: false });
    h.load(0, 16);
    expect(h.write(1, 16)).toMatchObject({ mode: MODE_ATOMIC, isWrite: false });
    h.load(0, 24);
    expect(h.read(1, 24)).toBeUndefined();
  });

  it('by several threads all race with a later plain write', () => {
    for (const left of [0, 1]) {
      const h = history(3);
      h.store(0, 0);
      h.store(1, 0);
      h.detector.wake(1 - left, 2);
      expect(h.write(2, 0)).toMatchObject({ thread: left, mode: MODE_ATOMIC });
    }
  });

  it('by several threads are all remembered beyond a read that comes after them', () => {
    for (const left of [0, 1]) {
      const h = history(4);
      h.store(0, 0);
      h.store(1, 0);
      h.detector.wake(0, 2);
      h.detector.wake(1, 2);
      expect(h.read(2, 0)).toBeUndefined();
      h.detector.wake(1 - left, 3);
      expect(h.read(3, 0)).toMatchObject({ thread: left, mode: MODE_ATOMIC, isWrite: true });
    }
  });

  it('order what was before a store for who loads it', () => {
    const h = history(2);
    h.write(0, 32);
    h.store(0, 0);
    h.load(1, 0);
    expect(h.read(1, 32)).toBeUndefined();
    h.write(0, 36);
    expect(h.read(1, 36)).toMatchObject({ thread: 0 });
  });

  it('order nothing for who loads another range, or loaded before', () => {
    const other = history(2);
    other.write(0, 32);
    other.store(0, 0);
    other.load(1, 4);
    expect(other.read(1, 32)).toMatchObject({ thread: 0 });

    const before = history(2);
    before.load(1, 0);
    before.write(0, 32);
    before.store(0, 0);
    expect(before.read(1, 32)).toMatchObject({ thread: 0 });
  });

  it('order nothing for who stores', () => {
    const h = history(2);
    h.write(0, 32);
    h.store(0, 0);
    h.store(1, 0);
    expect(h.read(1, 32)).toMatchObject({ thread: 0 });
  });

  it('order through chains of read-modify-writes', () => {
    const h = history(3);
    h.write(0, 32);
    h.add(0, 0);
    h.write(1, 36);
    h.add(1, 0);
    h.load(2, 0);
    expect(h.write(2, 32)).toBeUndefined();
    expect(h.write(2, 36)).toBeUndefined();
  });

  it('order nothing any more when another store replaced the one before', () => {
    const h = history(3);
    h.write(0, 32);
    h.store(0, 0);
    h.store(1, 0);
    h.load(2, 0);
    expect(h.write(2, 32)).toMatchObject({ thread: 0 });
  });

  it.each([
    ['plain', 0, 4, MODE_PLAIN],
    ['marked', 0, 4, MODE_MARKED],
    ['partial', 2, 1, MODE_PLAIN],
    ['narrower atomic', 0, 2, MODE_ATOMIC],
    ['longer', 0, 16, MODE_PLAIN],
  ])('order nothing any more after a %s store', (_name, address, size, mode) => {
    const h = history(2);
    h.write(0, 32);
    h.store(0, 0);
    h.write(0, address, size, mode);
    h.load(1, 0);
    expect(h.read(1, 32)).toMatchObject({ thread: 0, address: 32 });
  });

  it('of 8 bytes order nothing any more after a store to one half', () => {
    for (const half of [8, 12]) {
      const h = history(2);
      h.write(0, 32);
      h.store(0, 8, 8);
      h.write(0, half, 4, MODE_MARKED);
      h.load(1, 8, 8);
      expect(h.read(1, 32)).toMatchObject({ thread: 0 });
    }
    const beside = history(2);
    beside.write(0, 32);
    beside.store(0, 8);
    beside.write(0, 12);
    beside.load(1, 8);
    expect(beside.read(1, 32)).toBeUndefined();
  });
});

describe('marked accesses', () => {
  it('never race and order nothing', () => {
    const h = history(2);
    h.write(0, 32);
    expect(h.write(0, 0, 4, MODE_MARKED)).toBeUndefined();
    expect(h.read(1, 0, 4, MODE_MARKED)).toBeUndefined();
    expect(h.write(1, 0)).toBeUndefined();
    expect(h.read(0, 0, 4, MODE_MARKED)).toBeUndefined();
    expect(h.read(1, 32)).toMatchObject({ thread: 0, address: 32 });
  });
});

describe('order from elsewhere', () => {
  it('comes from a lock that is handed over', () => {
    const h = history(2);
    h.detector.acquire(0, 0);
    h.write(0, 32);
    h.detector.release(0, 0);
    h.write(0, 36);
    h.detector.acquire(1, 0);
    expect(h.write(1, 32)).toBeUndefined();
    expect(h.read(1, 36)).toMatchObject({ thread: 0 });
  });

  it('comes from all readers that gave a lock back', () => {
    const h = history(3);
    for (const reader of [0, 1]) {
      h.detector.acquire(reader, 0);
      h.read(reader, 32);
    }
    for (const reader of [0, 1]) h.detector.release(reader, 0);
    h.detector.acquire(2, 0);
    expect(h.write(2, 32)).toBeUndefined();
  });

  it('does not come from another lock, nor is it lost by writes to the word of the lock', () => {
    const h = history(2);
    h.detector.acquire(0, 4);
    h.write(0, 32);
    h.detector.release(0, 4);
    h.write(0, 0, 8, MODE_MARKED);
    h.detector.acquire(1, 0);
    expect(h.read(1, 32)).toMatchObject({ thread: 0 });
    h.detector.acquire(1, 4);
    expect(h.read(1, 32)).toBeUndefined();
  });

  it('comes from fork, join and wake', () => {
    const h = history(2);
    h.write(0, 0);
    h.detector.fork(0, 1);
    expect(h.write(1, 0)).toBeUndefined();
    h.write(0, 4);
    expect(h.read(1, 4)).toMatchObject({ thread: 0 });
    h.write(1, 8);
    h.detector.join(0, 1);
    expect(h.write(0, 8)).toBeUndefined();
    h.detector.wake(0, 1);
    expect(h.write(1, 8)).toBeUndefined();
  });

  it('comes from earlier calls of wait and notify at the address', () => {
    const h = history(2);
    h.write(0, 32);
    h.detector.visitWaiters(0, 0);
    h.detector.visitWaiters(1, 0);
    expect(h.read(1, 32)).toBeUndefined();
  });
});

describe('executions', () => {
  it('know nothing of each other', () => {
    const h = history(3);
    for (let execution = 0; execution < 3; execution++) {
      h.detector.begin(execution === 1 ? 2 : 3);
      expect(h.write(1, 0)).toBeUndefined();
      expect(h.read(0, 4, 1)).toBeUndefined();
      expect(h.read(1, 4, 1)).toBeUndefined();
      expect(h.store(0, 8)).toBeUndefined();
      expect(h.store(1, 8)).toBeUndefined();
      expect(h.write(0, 0)).toMatchObject({ thread: 1 });
      h.detector.begin(3);
      expect(h.write(2, 0)).toBeUndefined();
      expect(h.write(2, 4)).toBeUndefined();
      expect(h.write(2, 8)).toBeUndefined();
      // The store was of an earlier execution: no order comes from it.
      h.detector.begin(3);
      h.load(2, 8);
      h.write(0, 12);
      expect(h.write(2, 12)).toMatchObject({ thread: 0 });
    }
  });

  it('go on when the clocks have to start again', () => {
    const h = history(2);
    for (let execution = 0; execution < 3; execution++) {
      h.write(0, 0);
      h.write(1, 32);
      // As many ticks as make the next execution start with small clocks.
      for (let tick = 0; tick < 2 ** 23; tick++) h.detector.wake(0, 0);
      h.detector.begin(2);
      expect(h.read(1, 0)).toBeUndefined();
      expect(h.write(0, 32)).toBeUndefined();
      expect(h.write(1, 32)).toMatchObject({ thread: 0 });
    }
  });
});

describe('the memory', () => {
  it('may be large, grow, and is only touched where it is used', () => {
    const top = 6 * 2 ** 30;
    const h = history(2, top);
    h.write(0, top - 4);
    expect(h.read(1, top - 4)).toMatchObject({ thread: 0, address: top - 4, size: 4 });
    expect(h.read(1, top - 4 - 2 ** 32)).toBeUndefined();

    const small = history(2, 8);
    small.write(0, 0);
    small.detector.grow(100_000);
    small.write(0, 99_996);
    expect(small.read(1, 0)).toMatchObject({ thread: 0 });
    expect(small.read(1, 99_996)).toMatchObject({ thread: 0 });
  });

  it('ends where it was said to end', () => {
    expect(() => history(1, 16).read(0, 16)).toThrow(
      new RangeError('Byte 16 is outside of the memory that is watched for races'),
    );
  });
});

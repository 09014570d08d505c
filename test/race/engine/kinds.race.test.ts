import { explore, readOnce, scenario, writeOnce, type ExploreOptions, type MemoryScenario } from 'gfp/race';
import 'gfp/race/vitest';
import { describe, expect, test } from 'vitest';
import { setElement } from './not-transformed.js';

type Thread = MemoryScenario['threads'][number];

function program(threads: readonly Thread[], rest: Partial<MemoryScenario> = {}): MemoryScenario {
  return scenario({ name: 'a program', memory: 64, threads, ...rest });
}

async function run(
  threads: readonly Thread[],
  rest: Partial<MemoryScenario> = {},
  options: ExploreOptions = {},
) {
  return explore(program(threads, rest), { executions: 500, ...options });
}

const increment: Thread = (m) => {
  m.i32[0]++;
};

const STRATEGIES = ['portfolio', 'dfs', 'dpor', 'random', 'pct:2', 'pos', 'surw'];

describe('a correct program passes under every strategy', () => {
  test.each(STRATEGIES)('spin locks: %s', async (strategy) => {
    const byCompareExchange: Thread = (m) => {
      while (Atomics.compareExchange(m.i32, 0, 0, 1) !== 0);
      m.i32[1]++;
      Atomics.store(m.i32, 0, 0);
    };
    const byExchange: Thread = (m) => {
      while (Atomics.exchange(m.i32, 0, 1) !== 0) m.cpu_relax(0);
      m.i32[1]++;
      Atomics.store(m.i32, 0, 0);
    };
    const countsTo = (m: Parameters<Thread>[0]) => {
      if (m.i32[1] !== 3) throw new Error(`${m.i32[1]} instead of 3`);
    };
    const threads = [byCompareExchange, byCompareExchange, byExchange];
    expect(await run(threads, { final: countsTo }, { strategy })).toPass();
  });

  test.each(STRATEGIES)('wait and notify: %s', async (strategy) => {
    const consumer: Thread = (m) => {
      while (Atomics.load(m.i32, 0) === 0) Atomics.wait(m.i32, 0, 0);
      if (m.i32[1] !== 7) throw new Error(`${m.i32[1]} instead of 7`);
    };
    const producer: Thread = (m) => {
      m.i32[1] = 7;
      Atomics.store(m.i32, 0, 1);
      Atomics.notify(m.i32, 0);
    };
    expect(await run([consumer, producer], {}, { strategy })).toPass();
  });

  test.each(STRATEGIES)('loops that end by what only they see: %s', async (strategy) => {
    const byClosure: Thread = (m) => {
      let left = 20;
      const isLeft = () => {
        left -= 1;
        return left > 0;
      };
      while (Atomics.load(m.i32, 0) === 0 && isLeft());
    };
    const byElement: Thread = (m) => {
      const tries = { count: 0 };
      while (Atomics.load(m.i32, 0) === 0 && tries.count < 20) tries.count = tries.count + 1;
    };
    const byIterator: Thread = (m) => {
      const values = [1, 2, 3, 4, 5, 6][Symbol.iterator]();
      while (Atomics.load(m.i32, 0) === 0) if (values.next().done === true) return;
    };
    expect(await run([byClosure, byElement, byIterator], {}, { strategy })).toPass();
  });

  test.each(STRATEGIES)('a loop that looks at several words in turn: %s', async (strategy) => {
    const poller: Thread = (m) => {
      let i = 0;
      while (Atomics.load(m.i32, i) === 0) i ^= 1;
    };
    const setter: Thread = (m) => {
      Atomics.store(m.i32, 0, 1);
    };
    expect(await run([poller, setter], {}, { strategy })).toPass();
  });

  test('a loop that gives up after a while is not explored completely, and says so', async () => {
    const patient: Thread = (m) => {
      let left = 100;
      while (Atomics.load(m.i32, 0) === 0) if (--left === 0) return;
    };
    const setter: Thread = (m) => {
      Atomics.store(m.i32, 0, 1);
    };
    const result = await run([patient, setter], {}, { strategy: 'dpor' });
    expect(result).toPass();
    expect(result.complete).toBe(false);
  });

  test('a visit of a loop is no round of it', async () => {
    const peek = (m: Parameters<Thread>[0]) => {
      for (let i = 0; i < 1; i++) Atomics.load(m.i32, 0);
    };
    const peeker: Thread = (m) => {
      peek(m);
      peek(m);
      peek(m);
      Atomics.store(m.i32, 1, 1);
    };
    const late: Thread = (m) => {
      Atomics.store(m.i32, 0, 1 + Atomics.load(m.i32, 1));
    };
    // The peeker must be able to finish before the other one has done anything.
    const result = await run([peeker, late], {
      final: (m) => {
        if (m.i32[0] === 2) throw new Error('the peeker was first');
      },
    });
    expect(result).toFailWith('assertion');
  });
});

describe('each kind of failure', () => {
  test('hidden-access: a write by code that is not transformed', async () => {
    const writer: Thread = (m) => {
      setElement(m.i32, 2);
    };
    const result = await run([writer, writer]);
    expect(result).toFailWith('hidden-access');
    expect(result.message).toMatch(/^i32\[2\] was written by code that is not transformed/);
    expect(result.complete).toBe(false);
  });

  test('race: plain increments', async () => {
    const result = await run([increment, increment]);
    expect(result).toFailWith('race');
    expect(result.message).toMatch(
      /thread [01] (reads|writes) i32\[0\] at test\/race\/engine\/kinds\.race\.test\.ts:\d+/,
    );
  });

  test('race: accesses of different width to the same byte', async () => {
    const narrow: Thread = (m) => {
      m.u8[1] = 1;
    };
    const wide: Thread = (m) => {
      m.i32[0] = 5;
    };
    const beside: Thread = (m) => {
      m.u8[2] = 1;
    };
    expect(await run([narrow, wide])).toFailWith('race');
    expect(await run([narrow, beside])).toPass();
  });

  test.each(STRATEGIES)(
    'assertion: an update of the second half of 8 bytes is lost: %s',
    async (strategy) => {
      const wide: Thread = (m) => {
        const view = new BigInt64Array(m.buffer);
        view[0] += 1n << 32n;
      };
      const narrow: Thread = (m) => {
        m.i32[1]++;
      };
      const final = (m: Parameters<Thread>[0]) => {
        if (m.i32[1] !== 2) throw new Error(`${m.i32[1]} instead of 2`);
      };
      expect(await run([wide, narrow], { ignore: ['race'], final }, { strategy })).toFailWith('assertion');
      expect(await run([wide, narrow], {}, { strategy })).toFailWith('race');
    },
  );

  test('race: DataView and fill', async () => {
    const view: Thread = (m) => {
      new DataView(m.buffer).setInt16(4, 3);
    };
    const byte: Thread = (m) => {
      m.u8[5] = 1;
    };
    const fill: Thread = (m) => {
      m.u8.fill(7, 4, 8);
    };
    expect(await run([view, byte])).toFailWith('race');
    expect(await run([fill, view])).toFailWith('race');
  });

  test('no race: it is meant', async () => {
    const writer: Thread = (m) => {
      writeOnce(m.i32, 0, 1);
    };
    const reader: Thread = (m) => {
      readOnce(m.i32, 0);
    };
    expect(await run([writer, reader])).toPass();
  });

  test('deadlock, and who waits for whom', async () => {
    const oneWay: Thread = (m) => {
      m.lock(0);
      m.lock(1);
      m.unlock(1);
      m.unlock(0);
    };
    const otherWay: Thread = (m) => {
      m.lock(1);
      m.lock(0);
      m.unlock(0);
      m.unlock(1);
    };
    const result = await run([oneWay, otherWay]);
    expect(result).toFailWith('deadlock');
    const lines = result.trace?.failure.details.flatMap((detail) => detail.lines).join('\n') ?? '';
    expect(lines).toContain('thread 0: waits for the lock i32[1], held by thread 1');
    expect(lines).toContain('thread 1: waits for the lock i32[0], held by thread 0');
  });

  test('lock-order, where no execution deadlocks', async () => {
    const first: Thread = (m) => {
      m.lock(0);
      m.lock(1);
      m.unlock(1);
      m.unlock(0);
      Atomics.store(m.i32, 5, 1);
    };
    const second: Thread = (m) => {
      if (Atomics.load(m.i32, 5) === 0) return;
      m.lock(1);
      m.lock(0);
      m.unlock(0);
      m.unlock(1);
    };
    expect(await run([first, second])).toFailWith('lock-order');
    expect(await run([first, second], { ignore: ['lock-order'] })).toPass();
  });

  test('unlock-not-owner', async () => {
    const owner: Thread = (m) => {
      m.lock(0);
      m.unlock(0);
    };
    const stranger: Thread = (m) => {
      m.unlock(0);
    };
    expect(await run([owner, stranger])).toFailWith('unlock-not-owner');
  });

  test('livelock: nobody is left to change what is waited for', async () => {
    const spinner: Thread = (m) => {
      while (Atomics.load(m.i32, 0) === 0);
    };
    expect(await run([spinner, () => {}])).toFailWith('livelock');
  });

  test('livelock: it never ends', async () => {
    const busy: Thread = (m) => {
      for (;;) Atomics.add(m.i32, 0, 1);
    };
    expect(await run([busy], { maxSteps: 1000 })).toFailWith('livelock');
  });

  test('lost-wakeup: the notify is forgotten', async () => {
    const sleeper: Thread = (m) => {
      if (Atomics.load(m.i32, 0) === 0) Atomics.wait(m.i32, 0, 0);
    };
    const setter: Thread = (m) => {
      Atomics.store(m.i32, 0, 1);
    };
    expect(await run([sleeper, setter])).toFailWith('lost-wakeup');
  });

  test('lost-wakeup: the notify came before the sleep', async () => {
    const sleeper: Thread = (m) => {
      if (Atomics.load(m.i32, 0) === 0) Atomics.wait(m.i32, 1, 0);
    };
    const waker: Thread = (m) => {
      Atomics.store(m.i32, 0, 1);
      Atomics.notify(m.i32, 1);
    };
    expect(await run([sleeper, waker])).toFailWith('lost-wakeup');
  });

  test('deadlock: a sleeper whom nobody wakes', async () => {
    const sleeper: Thread = (m) => {
      Atomics.wait(m.i32, 0, 0);
    };
    expect(await run([sleeper, () => {}])).toFailWith('deadlock');
  });

  test('assertion: what a thread throws', async () => {
    const timed: Thread = (m) => {
      if (Atomics.wait(m.i32, 0, 0, 10) === 'timed-out') throw new Error('it took too long');
    };
    const waker: Thread = (m) => {
      Atomics.store(m.i32, 0, 1);
      Atomics.notify(m.i32, 0);
    };
    const result = await run([timed, waker]);
    expect(result).toFailWith('assertion');
    expect(result.message).toContain('it took too long');
    // Without early ends of timed waits it is woken in time, always.
    expect(await run([timed, waker], { timeouts: 0 })).toPass();
  });

  test('invariant: a state that is there for a moment', async () => {
    const steps: Thread = (m) => {
      Atomics.store(m.i32, 0, 1);
      Atomics.store(m.i32, 0, 2);
      Atomics.store(m.i32, 0, 3);
    };
    const never2: MemoryScenario['invariant'] = (m) => {
      if (m.i32[0] === 2) throw new Error('it is 2');
    };
    expect(await run([steps, () => {}], { invariant: never2 })).toFailWith('invariant');
  });

  test('linearizability: a counter that loses a count', async () => {
    const count: Thread = (m) => {
      m.call('add', undefined, () => {
        const before = Atomics.load(m.i32, 0);
        Atomics.store(m.i32, 0, before + 1);
        return before;
      });
    };
    const model = {
      initial: () => 0,
      apply: (state: unknown) => ({ state: Number(state) + 1, result: Number(state) }),
    };
    expect(await run([count, count], { model })).toFailWith('linearizability');
  });

  test('out-of-bounds', async () => {
    const beyond: Thread = (m) => {
      m.i32[16] = 1;
    };
    const fraction: Thread = (m) => {
      m.i32[0.5] = 1;
    };
    expect(await run([beyond, increment])).toFailWith('out-of-bounds');
    expect(await run([fraction, increment])).toFailWith('out-of-bounds');
  });

  test('nondeterminism', async () => {
    const chance: Thread = (m) => {
      Atomics.store(m.i32, 0, Math.floor(Math.random() * 1e9));
    };
    const reader: Thread = (m) => {
      Atomics.load(m.i32, 0);
    };
    expect(await run([chance, reader])).toFailWith('nondeterminism');
  });

  test('hidden-access: a callback of a native method', async () => {
    const byCallback: Thread = (m) => {
      [0, 1].forEach((i) => {
        m.i32[i] = 1;
      });
    };
    const result = await run([byCallback, increment]);
    expect(result).toFailWith('hidden-access');
    expect(result.message).toContain('kinds.race.test.ts');
  });

  test('hidden-access: a view element by element', async () => {
    const reader: Thread = (m) => {
      m.i32.forEach(() => {});
    };
    const later: Thread = (m) => {
      const values = m.i32.values();
      values.next();
    };
    expect(await run([reader, increment])).toFailWith('hidden-access');
    expect(await run([later, increment])).toFailWith('hidden-access');
    expect(await run([increment], { final: reader })).toPass();
  });
});

test('what is wrong with a scenario or its budget is said, not taken for a pass', async () => {
  const right = program([increment]);
  await expect(explore(right, { executions: -1 })).rejects.toThrow('executions is -1');
  await expect(explore(right, { seconds: 0 })).rejects.toThrow('seconds is 0');
  const promised = Promise.resolve(right) as unknown as MemoryScenario;
  await expect(explore(promised)).rejects.toThrow("neither 'memory' nor 'machine'");
  const misspelt = { ...right, ignore: ['races'] } as unknown as MemoryScenario;
  await expect(explore(misspelt)).rejects.toThrow('ignore is an array of 1, it must be an array of race,');
});

describe('choices of the engine', () => {
  test('a wait ends for no reason where that is allowed', async () => {
    const sleeper: Thread = (m) => {
      Atomics.wait(m.i32, 0, 0);
      if (Atomics.load(m.i32, 0) === 0) throw new Error('woken for nothing');
    };
    const waker: Thread = (m) => {
      Atomics.store(m.i32, 0, 1);
      Atomics.notify(m.i32, 0);
    };
    expect(await run([sleeper, waker])).toPass();
    expect(await run([sleeper, waker], { spuriousWakeups: 1 })).toFailWith('assertion');
  });

  test('what follows Atomics.waitAsync is a thread of its own', async () => {
    const waiter: Thread = (m) => {
      const wait = Atomics.waitAsync(m.i32, 0, 0);
      if (wait.async) {
        void wait.value.then((result) => {
          m.i32[2] = result === 'ok' ? Atomics.load(m.i32, 1) : -1;
        });
      }
    };
    const waker: Thread = (m) => {
      Atomics.store(m.i32, 1, 7);
      Atomics.store(m.i32, 0, 1);
      Atomics.notify(m.i32, 0);
    };
    const seven: MemoryScenario['final'] = (m) => {
      if (m.i32[2] !== 0 && m.i32[2] !== 7) throw new Error(`${m.i32[2]}`);
    };
    const all = await run([waiter, waker], { final: seven }, { exhaustive: true });
    expect(all).toPass();
    expect(all).toMatchObject({ complete: true, executions: 2 });
    const woken = await run([waiter, waker], {
      final: (m) => {
        if (m.i32[2] === 7) throw new Error('the callback has run');
      },
    });
    expect(woken).toFailWith('assertion');
    // In a process that has not run the scenario before, a replay needs the further thread as well.
    const again = await run(
      [waiter, waker],
      {
        final: (m) => {
          if (m.i32[2] === 7) throw new Error('the callback has run');
        },
      },
      { replay: woken.token },
    );
    expect(again).toFailWith('assertion');
  });
});

describe('results', () => {
  test('a token repeats the failure, to the byte', async () => {
    const found = await run([increment, increment]);
    const once = await run([increment, increment], {}, { replay: found.token });
    const twice = await run([increment, increment], {}, { replay: found.token });
    expect(once).toFailWith('race');
    expect(once.message).toBe(found.message);
    expect(once.trace).toEqual(found.trace);
    expect(twice.trace).toEqual(once.trace);
  });

  test('a token that does not fit is refused', async () => {
    await expect(run([increment, increment], {}, { replay: 'g1.ffff.0x1' })).rejects.toThrow(/token/);
    const { token = '' } = await run([increment, increment]);
    const wrong = token.replace(/\.[^.]*$/, '.7x2-1x1');
    await expect(run([increment, increment], {}, { replay: wrong })).rejects.toThrow('does not fit');
  });

  test('the same seed finds the same', async () => {
    const lost: Partial<MemoryScenario> = {
      ignore: ['race'],
      final: (m) => {
        if (m.i32[0] !== 2) throw new Error(`${m.i32[0]} instead of 2`);
      },
    };
    const options = { strategy: 'random', seed: 5 };
    const one = await run([increment, increment], lost, options);
    const other = await run([increment, increment], lost, options);
    expect(one).toFailWith('assertion');
    expect([one.token, one.executionsToFailure]).toEqual([other.token, other.executionsToFailure]);
  });

  test('a failing schedule is shrunk to one switch where one suffices', async () => {
    const long: Thread = (m) => {
      for (let i = 2; i < 8; i++) Atomics.add(m.i32, i, 1);
      m.i32[0]++;
    };
    const found = await run([long, long, long], {}, { strategy: 'random' });
    expect(found).toFailWith('race');
    const threads = found.trace?.events.map(({ thread }) => thread) ?? [];
    expect(threads.filter((thread, i) => i > 0 && thread !== threads[i - 1])).toHaveLength(1);
    expect(new Set(threads).size).toBe(2);
  });

  test('an exhaustive exploration that ends says so', async () => {
    const add: Thread = (m) => {
      Atomics.add(m.i32, 0, 1);
    };
    expect(await run([add, add, add], {}, { exhaustive: true })).toMatchObject({
      verdict: 'pass',
      complete: true,
      executions: 6,
    });
  });
});

import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { nextTimer, nextWakeup } from '../../../src/kernel/cpu/tick.js';
import { TIMER_LIST } from '../../../src/kernel/core/interrupt-data.js';
import { recoverCpu, takeCpuDown } from '../../../src/kernel/hotplug.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { InterruptMachine, type Handler } from './interrupt-machine.js';

function timer(m: InterruptMachine, handler: Handler, data = 0): number {
  const address = m.memory();
  m.k.setup_timer(address, m.symbol(handler), data);
  return address;
}

/** The published jiffy of a timer that was set for `at`: what is late runs at once, and 0 says that there is none. */
function expectJiffy(jiffy: number, at: number | undefined, now: number): void {
  if (at === undefined) expect(jiffy).toBe(0);
  else if (at > now) expect(jiffy).toBe(at);
  else expect(jiffy !== 0 && jiffy <= Math.max(now + 1, 1)).toBe(true);
}

const consoleOf = (m: InterruptMachine): Kernel => m.k.as(m.k.i32[KERNEL.nr_cpus]);

describe('jiffies', () => {
  test.each([100, 250, 1000])('count the ticks since boot at HZ %d', (hz) => {
    const m = new InterruptMachine({ hz });
    expect([m.k.HZ(), m.k.jiffies()]).toEqual([hz, 0]);
    m.machine.platform.time = 12_345;
    expect(m.k.jiffies()).toBe(Math.floor(12.345 * hz));
    expect(m.k.msecs_to_jiffies(1000)).toBe(hz);
    expect(m.k.jiffies_to_msecs(hz)).toBe(1000);
  });
});

describe('timers', () => {
  test('run once, in their jiffy, in softirq context of the CPU that set them, with their data', () => {
    const m = new InterruptMachine();
    const t = timer(
      m,
      (k, data) => m.seen.push([k.cpu, data, k.jiffies(), k.in_softirq(), k.in_irq()]),
      -0.5,
    );
    expect(m.cpus[1].mod_timer(t, 3)).toBe(0);
    m.tick(m.cpus[1], 2);
    expect([m.seen, m.k.timer_pending(t)]).toEqual([[], true]);
    m.tick(m.cpus[1], 5);
    expect(m.seen).toEqual([[1, -0.5, 3, true, false]]);
    expect(m.k.timer_pending(t)).toBe(false);
  });

  test('of one jiffy run in the order in which they were set', () => {
    const m = new InterruptMachine();
    for (const name of ['a', 'b', 'c'])
      m.k.mod_timer(
        timer(m, () => m.seen.push(name)),
        2,
      );
    m.tick(m.k, 2);
    expect(m.seen).toEqual(['a', 'b', 'c']);
  });

  test('can be set anew, taken back, and put on another CPU', () => {
    const m = new InterruptMachine();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => timer(m, (k) => m.seen.push([k.cpu, name, k.jiffies()])));
    m.k.mod_timer(a, 5);
    expect(m.cpus[2].mod_timer(a, 2)).toBe(1);
    m.k.mod_timer(b, 1);
    expect([m.cpus[3].del_timer(b), m.cpus[3].del_timer(b), m.k.del_timer_sync(b)]).toEqual([1, 0, 0]);
    m.k.i32[c + TIMER_LIST.at.expires] = 1;
    m.k.add_timer_on(c, 3);
    m.machine.platform.time = 30;
    for (const k of m.cpus) m.tick(k, 0);
    for (const k of m.cpus) m.tick(k, 1);
    expect(m.seen).toEqual([
      [2, 'a', 6],
      [3, 'c', 7],
    ]);
  });

  test('set for a jiffy that has passed run at the next tick; one that sets itself for now once a tick', () => {
    const m = new InterruptMachine();
    m.tick(m.k, 10);
    const t = timer(m, (k) => {
      m.seen.push(k.jiffies());
      k.mod_timer(t, k.jiffies() - 5);
    });
    m.k.mod_timer(t, 4);
    m.tick(m.k, 3);
    expect(m.seen).toEqual([11, 12, 13]);
  });

  test('go on where jiffies wrap', () => {
    const m = new InterruptMachine({ hz: 1000 });
    m.machine.platform.time = 2 ** 31 - 5;
    m.tick(m.k, 1);
    const t = timer(m, (k) => m.seen.push(k.jiffies()));
    m.k.mod_timer(t, m.k.jiffies() + 8);
    m.tick(m.k, 7);
    expect(m.seen).toEqual([]);
    m.tick(m.k, 1);
    expect(m.seen).toEqual([-(2 ** 31) + 4]);
  });

  test('run in the order of their jiffies, whatever was set, changed and taken back: as a sorted list does', () => {
    const step = fc.record({
      timer: fc.nat(7),
      action: fc.constantFrom('set', 'delete', 'tick'),
      jiffies: fc.integer({ min: -2, max: 12 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const m = new InterruptMachine();
        const timers = Array.from({ length: 8 }, (_, i) => timer(m, (k) => m.seen.push([i, k.jiffies()])));
        // Those with odd numbers do not wake an idle CPU.
        for (const i of [1, 3, 5, 7]) {
          const symbol = m.symbol((k) => m.seen.push([i, k.jiffies()]));
          m.k.setup_deferrable_timer(timers[i], symbol);
        }
        let wanted: { i: number; at: number }[] = [];
        const expected: [number, number][] = [];
        let now = 0;
        for (const { timer: i, action, jiffies } of steps) {
          const before = wanted.length;
          if (action === 'tick') {
            m.tick(m.k, 1);
            now++;
            for (const w of wanted.filter(({ at }) => at <= now)) expected.push([w.i, now]);
            wanted = wanted.filter(({ at }) => at > now);
            continue;
          }
          wanted = wanted.filter((w) => w.i !== i);
          const wasPending = before - wanted.length;
          if (action === 'delete') expect(m.k.del_timer(timers[i])).toBe(wasPending);
          else {
            expect(m.k.mod_timer(timers[i], now + jiffies)).toBe(wasPending);
            // What is late runs in the first jiffy for which timers have not run; nothing has run before the first timer.
            wanted.push({ i, at: now + jiffies });
            wanted.sort((a, b) => a.at - b.at);
          }
          expectJiffy(nextTimer(m.k, 0), wanted.at(0)?.at, now);
          expectJiffy(nextWakeup(m.k, 0), wanted.find((w) => w.i % 2 === 0)?.at, now);
        }
        const sets = m.seen as [number, number][];
        expect(sets.map(([, at]) => at)).toEqual(expected.map(([, at]) => at));
        expect([...sets].sort()).toEqual([...expected].sort());
      }),
      { numRuns: 40 },
    );
  });

  test('del_timer_sync in the function of the timer itself would wait for ever: it stops the machine', () => {
    const m = new InterruptMachine();
    const t = timer(m, (k) => k.del_timer_sync(t));
    m.k.mod_timer(t, 1);
    expect(() => m.tick(m.k, 1)).toThrow(/del_timer_sync inside the function of the timer/);
  });

  test('whose function leaves with another preempt_count stop the machine', () => {
    const m = new InterruptMachine();
    m.k.mod_timer(
      timer(m, (k) => k.preempt_disable()),
      1,
    );
    expect(() => m.tick(m.k, 1)).toThrow(
      /entered timer function \d+ with preempt_count 00000100, exited with 00000101/,
    );
  });

  test('misuse is a BUG', () => {
    const m = new InterruptMachine();
    const t = timer(m, () => undefined);
    m.k.mod_timer(t, 5);
    expect(() => m.k.add_timer(t)).toThrow(/pending/);
    const bare = m.memory();
    m.k.init_timer(bare);
    expect(() => m.k.mod_timer(bare, 5)).toThrow(/without a function/);
    expect(() => m.k.init_timer(bare + 1)).toThrow(/even word/);
  });

  test('set while their function runs on another CPU stay on that', () => {
    const m = new InterruptMachine();
    const t = timer(m, (k) => {
      m.seen.push(k.cpu);
      if (m.seen.length === 1) m.cpus[3].mod_timer(t, 2);
    });
    m.k.mod_timer(t, 1);
    m.tick(m.k, 1);
    m.tick(m.cpus[3], 2);
    expect(m.seen).toEqual([0]);
    m.tick(m.k, 1);
    expect(m.seen).toEqual([0, 0]);
  });

  test('move to another CPU of the node when theirs goes away', () => {
    const m = new InterruptMachine();
    const [a, b] = ['a', 'b'].map((name) => timer(m, (k) => m.seen.push([k.cpu, name])));
    m.cpus[1].mod_timer(a, 2);
    m.cpus[1].mod_timer(b, 1);
    takeCpuDown(consoleOf(m), 1);
    expect([nextTimer(m.k, 1), nextTimer(m.k, 0)]).toEqual([0, 1]);
    m.tick(m.k, 2);
    expect(m.seen).toEqual([
      [0, 'b'],
      [0, 'a'],
    ]);
  });

  test('whose CPU died in their function count as ended', () => {
    const m = new InterruptMachine();
    const t = timer(m, (k) => {
      m.seen.push(k.cpu);
      if (k.cpu === 1) throw new Error('the thread is gone');
    });
    m.cpus[1].mod_timer(t, 1);
    expect(() => m.tick(m.cpus[1], 1)).toThrow();
    m.k.i32[KERNEL.system_state] = 1;
    expect(m.k.try_to_del_timer_sync(t)).toBe(-1);
    recoverCpu(consoleOf(m), 1);
    expect(m.k.del_timer_sync(t)).toBe(0);
    m.k.mod_timer(t, 2);
    m.tick(m.k, 2);
    expect(m.seen).toEqual([1, 0]);
  });
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  __GFP_FS,
  __GFP_HIGH,
  __GFP_IO,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_WAIT,
  GFP_ATOMIC,
  GFP_KERNEL,
  GFP_NOWAIT,
} from '../../../src/kernel/mm/gfp.js';
import { LonePools } from './lone-pools.js';

/** What a running Linux 6.1 printed when a module did the same with a pool of its own. */
const REAL = readFileSync(new URL('../../fixtures/real-linux/mempool.txt', import.meta.url), 'utf8');

/** Bits of masks here and there. GFP_ATOMIC has a bit of its own there, and every mask that may wake kswapd another. */
const BITS: readonly [here: number, there: number][] = [
  [__GFP_HIGH, 0x220],
  [__GFP_IO, 0x40],
  [__GFP_FS, 0x80],
  [__GFP_WAIT, 0x400],
  [__GFP_NOWARN, 0x2000],
  [__GFP_NORETRY, 0x10000],
  [__GFP_NOMEMALLOC, 0x80000],
];
const KSWAPD = 0x800;

function mask(gfp: number): string {
  let there = KSWAPD;
  let known = 0;
  for (const [bit, its] of BITS) {
    if ((gfp & bit) === 0) continue;
    there |= its;
    known |= bit;
  }
  expect(gfp).toBe(known);
  return there.toString(16);
}

test('a pool does what that of a real kernel does, call by call', () => {
  const m = new LonePools();
  const { k } = m;
  let text = 'begin op=mempool drain=1\n';
  const say = (line: string): void => {
    text += `mempool${line}\n`;
  };
  const calls = (): string => `alloc_calls=${m.allocCalls} free_calls=${m.freeCalls}`;
  const state = (label: string): void =>
    say(` ${label.padEnd(35)}min_nr=${m.minNr(pool)} curr_nr=${m.currNr(pool)} ${calls()}`);
  const tag = (element: number): number => element - 1;

  const pool = m.create(4);
  state('create(4)');
  say(` gfp seen by callback at creation=${mask(m.masks[0])}`);
  m.resetCalls();
  const fourth = k.mempool_alloc(pool, GFP_KERNEL);
  state('alloc GFP_KERNEL, callback works');
  say(` got tag=${tag(fourth)} (elements 0..3 are the reserve) gfp seen=${mask(m.masks[0])}`);
  const fifth = k.mempool_alloc(pool, GFP_ATOMIC);
  say(` GFP_ATOMIC gfp seen=${mask(m.masks[1])}`);
  k.mempool_free(fourth, pool);
  k.mempool_free(fifth, pool);
  state('two frees with full reserve');

  m.works = false;
  m.resetCalls();
  const held: number[] = [];
  for (let i = 0; i < 6; i++) {
    const [gfp, name] = i % 2 === 0 ? [GFP_NOWAIT, 'GFP_NOWAIT'] : [GFP_ATOMIC, 'GFP_ATOMIC'];
    const element = k.mempool_alloc(pool, gfp);
    if (element !== 0) held.push(element);
    say(
      ` failing callback: alloc #${i} (${name}) -> ${element === 0 ? 'NULL' : 'ok'} tag=${tag(element)} ` +
        `curr_nr=${m.currNr(pool)} alloc_calls=${m.allocCalls}`,
    );
  }
  k.mempool_free(held[1], pool);
  state('free one element of empty reserve');
  k.mempool_free(held[0], pool);
  state('free another');
  const last = k.mempool_alloc(pool, GFP_NOWAIT);
  say(` next alloc returns tag=${tag(last)} (last freed was ${tag(held[0])} -> tag of #0)`);
  say(` next alloc returns tag=${tag(k.mempool_alloc(pool, GFP_NOWAIT))}`);
  state('reserve empty again');

  m.resetCalls();
  m.whenAsleep = () => {
    say(
      ` GFP_KERNEL with empty reserve: waiting after ${m.machine.platform.time} ms=1 alloc_calls=${m.allocCalls} ` +
        `first gfp=${mask(m.masks[0])} second gfp=${mask(m.masks[1])}`,
    );
    m.machine.cpus[1].mempool_free(held[2], pool);
  };
  const woken = k.mempool_alloc(pool, GFP_KERNEL);
  say(` GFP_KERNEL waiter woken by mempool_free: got=ok tag=${tag(woken)} alloc_calls=${m.allocCalls}`);

  m.resetCalls();
  say(`_resize(6) with failing callback returns ${k.mempool_resize(pool, 6, GFP_KERNEL)}`);
  state('after resize(6) failing');
  m.works = true;
  say(`_resize(8) with working callback returns ${k.mempool_resize(pool, 8, GFP_KERNEL)}`);
  state('after resize(8)');
  for (const element of held) k.mempool_free(element, pool);
  state('four elements freed back');
  say(`_resize(2) returns ${k.mempool_resize(pool, 2, GFP_KERNEL)}`);
  state('after resize(2)');
  k.mempool_destroy(pool);
  say(` destroyed: ${calls()}`);

  m.works = false;
  m.resetCalls();
  say(`_create with failing callback -> ${m.create(4) === 0 ? 'NULL' : 'ok'} ${calls()}`);
  m.resetCalls();
  const none = m.create(0);
  say(`_create(0) -> ${none === 0 ? 'NULL' : 'ok'} alloc_calls=${m.allocCalls}`);
  say(
    ` of 0, failing callback, GFP_NOWAIT -> ${k.mempool_alloc(none, GFP_NOWAIT) === 0 ? 'NULL' : 'an element'}`,
  );
  k.mempool_destroy(none);
  expect(`${text}end op=mempool\n`).toBe(REAL);
  expect(m.machine.platform.reports).toEqual([]);
});

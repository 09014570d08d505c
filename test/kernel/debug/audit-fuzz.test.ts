import { fc, test } from '@fast-check/vitest';
import { beforeAll, describe, expect } from 'vitest';
import { FIRMWARE_START } from '../../../src/arch/hardware.js';
import { CPU_AREA } from '../../../src/kernel/core/cpu-area.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import { describeViolation } from '../../../src/kernel/debug/audit-describe.js';
import { __GFP_COMP, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { PAGE_OWNER } from '../../../src/kernel/mm/page-owner.js';
import { PAGE } from '../../../src/kernel/mm/page.js';
import { NODE_DATA, PER_CPU_PAGESET, PG_DATA, populatedZones, ZONE } from '../../../src/kernel/mm/zone.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../../support/boot-in-process.js';
import { debug } from '../../support/hardware.js';

/** Audits of images that are damaged at random: they must end, soon, with a report. */

/** Far more than an audit of this machine takes; milliseconds. */
const TIME_LIMIT = 3000;

let machine: LoneMachine;
/** Stretches of the image that the audit reads, `[first word, words]`. */
let targets: [number, number][];

beforeAll(() => {
  machine = bootInProcess(twoNodes(32, { debug: debug('pageOwner') }));
  const { k, cpus } = machine;
  for (const cpu of cpus) {
    for (let i = 0; i < 40; i++) {
      const order = i % 4;
      const pfn = cpu.alloc_pages(GFP_KERNEL | (i % 3 === 0 ? __GFP_COMP : 0), order);
      if (i % 2 === 0) cpu.__free_pages(pfn, order);
    }
  }
  const { i32 } = k;
  const words = (name: keyof typeof KERNEL, count: number): [number, number] => [KERNEL[name], count];
  targets = [
    ...populatedZones(k).map((zone): [number, number] => [zone, ZONE.words]),
    ...[0, 1].map((nid): [number, number] => [NODE_DATA(k, nid), PG_DATA.at.node_zones]),
    ...[0, 1].map((nid): [number, number] => [i32[NODE_DATA(k, nid) + PG_DATA.at.node_zonelists + 2], 32]),
    ...populatedZones(k).flatMap((zone) =>
      cpus.map((_, cpu): [number, number] => [i32[zone + ZONE.at.pageset + cpu], PER_CPU_PAGESET.words]),
    ),
    ...cpus.map(({ area }): [number, number] => [area, CPU_AREA.words]),
    ...[0, 1, 6, 8, 9, 12].map((section): [number, number] => [
      i32[KERNEL.section_mem_map + section] + section * 1024 * PAGE.words,
      1024 * PAGE.words,
    ]),
    [i32[KERNEL.section_owner + 6] + 6 * 1024 * PAGE_OWNER.words, 1024 * PAGE_OWNER.words],
    ...populatedZones(k).map((zone): [number, number] => [
      i32[zone + ZONE.at.pageblock_types] + (i32[zone + ZONE.at.zone_start_pfn] >> 9),
      i32[zone + ZONE.at.nr_pageblocks],
    ]),
    words('system_state', KERNEL.section_memory - KERNEL.system_state),
    words('section_memory', 16),
    words('section_mem_map', 16),
    words('section_owner', 16),
    words('zone_table', 16),
    words('max_pfn', KERNEL.logbuf_lock - KERNEL.max_pfn),
    words('logbuf_lock', 32),
    words('call_lock', 16),
    words('depot_lock', 3),
    words('tasks', 6),
    // The tasks of the CPUs, the first others, and what lies behind them.
    [i32[KERNEL.tasks], 16 * i32[KERNEL.task_words]],
    [i32[KERNEL.depot], 4096],
    [FIRMWARE_START / 4, 64],
  ];
});

/** A change of one word: which, and to what. */
interface Change {
  readonly target: number;
  readonly offset: number;
  readonly value: (i32: Int32Array, word: number) => number;
}

/** Values that are likely to lead somewhere wrong. */
const value = fc.oneof(
  fc
    .constantFrom(0, 1, -1, 2, 8, 0x7fffffff, -0x80000000, 1 << 19, 1 << 10, 17 << 10, 1 << 30)
    .map((constant) => () => constant),
  fc.integer().map((constant) => () => constant),
  fc.nat(31).map((bit) => (i32: Int32Array, word: number) => i32[word] ^ (1 << bit)),
  fc.integer({ min: -9, max: 9 }).map((by) => (i32: Int32Array, word: number) => i32[word] + by),
  // What another word of the image has, such as a pointer of the same kind.
  fc.integer({ min: -64, max: 64 }).map((by) => (i32: Int32Array, word: number) => i32[word + by]),
  // A pointer to somewhere in a structure.
  fc.tuple(fc.nat(), fc.nat()).map(([target, offset]) => () => {
    const [first, words] = targets[target % targets.length];
    return first + (offset % words);
  }),
);

const change: fc.Arbitrary<Change> = fc.record({ target: fc.nat(), offset: fc.nat(), value });

/** Applies changes, and gives back what undoes them. */
function damage(changes: readonly Change[]): () => void {
  const { i32 } = machine.image;
  const before: [number, number][] = [];
  for (const { target, offset, value: wrong } of changes) {
    const [first, words] = targets[target % targets.length];
    const word = first + (offset % words);
    before.push([word, i32[word]]);
    i32[word] = wrong(i32, word);
  }
  return () => {
    for (const [word, stored] of before.reverse()) i32[word] = stored;
  };
}

function auditInTime(): void {
  const start = performance.now();
  const { violations, omitted } = audit(machine.k);
  for (const violation of violations) expect(describeViolation(violation)).not.toMatch(/undefined|NaN/);
  if (violations.length === 0) expect(omitted).toEqual({});
  expect(performance.now() - start).toBeLessThan(TIME_LIMIT);
}

describe('an audit of a damaged image ends', () => {
  test.prop([fc.array(change, { minLength: 1, maxLength: 3 })], { numRuns: 400 })(
    'with little damage',
    (changes) => {
      const undo = damage(changes);
      try {
        auditInTime();
      } finally {
        undo();
      }
    },
  );

  test.prop([fc.array(change, { minLength: 100, maxLength: 2000 })], { numRuns: 40, endOnFailure: true })(
    'with much',
    (changes) => {
      const undo = damage(changes);
      try {
        auditInTime();
      } finally {
        undo();
      }
    },
  );

  test.prop([fc.nat(), fc.nat(), fc.nat(9999), fc.integer()], { numRuns: 60 })(
    'with a stretch of it overwritten',
    (target, offset, length, filler) => {
      const { i32 } = machine.image;
      const [first, words] = targets[target % targets.length];
      const start = first + (offset % words);
      const saved = i32.slice(start, start + length);
      try {
        i32.fill(filler, start, start + length);
        auditInTime();
      } finally {
        i32.set(saved, start);
      }
    },
  );

  test('and the machine is sound again when the damage is undone', () => {
    expect(audit(machine.k).violations).toEqual([]);
  });
});

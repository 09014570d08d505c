import { test as propertyTest, fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import type { Schedule, Segment } from '../../../src/race/engine/schedule.js';
import { MAX_THREADS } from '../../../src/race/engine/strategy.js';
import { decodeToken, encodeToken, scenarioHash, TokenError } from '../../../src/race/report/token.js';

const NAME = 'two pushers';
const HEAD = `g1.${scenarioHash(NAME)}`;

const threads = fc.nat(MAX_THREADS - 1);
const steps = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const numbers = fc.oneof(fc.nat(2), fc.nat(Number.MAX_SAFE_INTEGER));
const schedules: fc.Arbitrary<Schedule> = fc.record({
  segments: fc
    .tuple(
      fc.array(fc.record({ thread: threads, steps })),
      fc.option(fc.record({ thread: threads, steps: fc.constant(Infinity) }), { nil: undefined }),
    )
    .map(([segments, last]): Segment[] => (last === undefined ? segments : [...segments, last])),
  numbers: fc.array(numbers, { maxLength: 60 }),
});

describe('a token', () => {
  it('is short and can be read', () => {
    const schedule = {
      segments: [
        { thread: 0, steps: 12 },
        { thread: 1, steps: 3 },
        { thread: 0, steps: Infinity },
      ],
      numbers: [0, 0, 0, 0, 1],
    };
    expect(encodeToken(schedule, NAME)).toBe('g1.fc77.0x12-1x3-0x_.n0x4-1');
    expect(encodeToken({ segments: [{ thread: 2, steps: 1 }], numbers: [] }, NAME)).toBe('g1.fc77.2x1');
    expect(encodeToken({ segments: [], numbers: [] }, NAME)).toBe('g1.fc77.none');
  });

  it('is decoded with blanks around it, as it comes from a clipboard', () => {
    expect(decodeToken(` ${HEAD}.2x1\n`, NAME)).toEqual({ segments: [{ thread: 2, steps: 1 }], numbers: [] });
  });

  propertyTest.prop([schedules, fc.string({ unit: 'grapheme' })])('keeps a schedule', (schedule, name) => {
    const token = encodeToken(schedule, name);
    expect(token).toMatch(/^[a-z0-9._-]+$/);
    expect(decodeToken(token, name)).toEqual(schedule);
  });

  propertyTest.prop([schedules, fc.string(), fc.string()])(
    'is refused by other scenarios',
    (schedule, a, b) => {
      fc.pre(scenarioHash(a) !== scenarioHash(b));
      expect(() => decodeToken(encodeToken(schedule, a), b)).toThrow(/another scenario/);
    },
  );

  propertyTest.prop([
    schedules,
    fc.nat(),
    fc.nat(2),
    fc.constantFrom(...'gnx._-0123456789abcdefN* '.split('')),
  ])(
    'with a typing error is refused with a reason, or is another token',
    (schedule, at, deleted, inserted) => {
      const token = encodeToken(schedule, NAME);
      const position = at % (token.length + 1);
      const wrong = token.slice(0, position) + inserted + token.slice(position + deleted);
      expectTokenOrReason(wrong);
    },
  );

  propertyTest.prop([fc.string({ unit: 'binary' })])('is never anything else', (text) => {
    expectTokenOrReason(text);
    expectTokenOrReason(`${HEAD}.${text}`);
  });
});

/** Decoding gives something that is a token again, or a TokenError. */
function expectTokenOrReason(text: string): void {
  let decoded: Schedule;
  try {
    decoded = decodeToken(text, NAME);
  } catch (error) {
    expect(error).toBeInstanceOf(TokenError);
    expect((error as Error).message).toMatch(/^replay token: .{10}/);
    return;
  }
  expect(decodeToken(encodeToken(decoded, NAME), NAME)).toEqual(decoded);
}

describe('what is wrong with a token', () => {
  it.each([
    ['', "replay token: '' is none: a token starts with 'g1.', such as g1.fc77.0x12-1x3-0x_"],
    ['seed 12', "replay token: 'seed 12' is none: a token starts with 'g1.', such as g1.fc77.0x12-1x3-0x_"],
    ['g2.fc77.0x1', "replay token: it has version 'g2', this gfp reads 'g1': use the gfp that made it"],
    [
      'g1.0x1',
      "replay token: '0x1' is no scenario: after 'g1.' stand 4 hexadecimal digits, 'fc77' for the scenario 'two pushers'",
    ],
    [
      'g1.0000.0x1',
      "replay token: it belongs to another scenario ('0000'): tokens of 'two pushers' start with 'g1.fc77.'. Was the scenario renamed?",
    ],
    ['g1.fc77', 'replay token: it ends before its schedule, maybe not all of it was copied'],
    ['g1.fc77.', 'replay token: it ends before its schedule, maybe not all of it was copied'],
    [
      'g1.fc77.0x1-1y3',
      "replay token: segment 2 of 2, '1y3': it must be a thread, 'x' and a number of operations, such as 0x12, or 0x_ to the end",
    ],
    ['g1.fc77.30x1', "replay token: segment 1 of 1, '30x1': threads are numbered from 0 to 29"],
    [
      'g1.fc77.0x_-1x1',
      "replay token: segment 1 of 2, '0x_': only the last segment goes on to the end ('_')",
    ],
    [
      'g1.fc77.0x0',
      "replay token: segment 1 of 1, '0x0': the number of operations must be from 1 to 9007199254740991",
    ],
    ['g1.fc77.0x1.0-1', "replay token: '0-1' must be numbers after an 'n', such as n0-1, or be left out"],
    [
      'g1.fc77.0x1.n0-q',
      "replay token: 'q' among the numbers: it must be a whole number such as 1, or a repeated one such as 0x4",
    ],
    [
      'g1.fc77.0x1.n0x2000000',
      "replay token: '0x2000000' among the numbers: a schedule has at most 1,000,000 numbers",
    ],
    ['g1.fc77.0x1.n1.n2', "replay token: 'n2' is too much: nothing follows the numbers"],
  ])('%j', (text, message) => {
    expect(() => decodeToken(text, NAME)).toThrow(new TokenError(message));
  });
});

it('stands for nothing that is no schedule', () => {
  const encode = (segments: Segment[], chosen: number[] = []) =>
    encodeToken({ segments, numbers: chosen }, NAME);
  expect(() => encode([{ thread: MAX_THREADS, steps: 1 }])).toThrow(RangeError);
  expect(() => encode([{ thread: 0, steps: 0 }])).toThrow(RangeError);
  expect(() =>
    encode([
      { thread: 0, steps: Infinity },
      { thread: 1, steps: 1 },
    ]),
  ).toThrow(RangeError);
  expect(() => encode([], [-1])).toThrow(RangeError);
});

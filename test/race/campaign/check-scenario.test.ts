import { expect, it } from 'vitest';
import { checkScenario } from '../../../src/race/campaign/check-scenario.js';

const right = { name: 'a name', memory: 64, threads: [() => {}] };

it('lets scenarios pass as they are', () => {
  expect(checkScenario(right, 'x.ts')).toBe(right);
  const machine = { name: 'a name', machine: 'tiny', threads: [() => {}], noLeaks: true, setup: undefined };
  expect(checkScenario(machine, 'x.ts')).toBe(machine);
});

it.each([
  [7, 'x.ts is 7, it must be a scenario'],
  [null, 'x.ts is null'],
  [() => {}, 'x.ts is a function'],
  [{ ...right, memory: undefined }, "x.ts, scenario 'a name' has neither 'memory' nor 'machine'"],
  [{ ...right, machine: 'tiny' }, "has both 'memory' and 'machine'"],
  [{ memory: 64, threads: [() => {}] }, "x.ts has no 'name', it must be a text of one line"],
  [{ ...right, name: 'two\nlines' }, 'name is "two\\nlines"'],
  [{ ...right, name: ' ' }, 'name is " "'],
  [{ name: 'a name', memory: 64 }, "has no 'threads'"],
  [{ ...right, threads: [] }, 'threads is an array of 0, it must be an array of 1 to 30 functions'],
  [{ ...right, threads: [1] }, 'threads is an array of 1'],
  [{ ...right, memory: -1 }, 'memory is -1, it must be a whole number'],
  [
    { ...right, invarient: () => {} },
    "a field 'invarient' that means nothing; fields are name, memory, setup",
  ],
  [{ ...right, final: 'x' }, 'final is "x", it must be a function'],
  [{ ...right, noLeaks: true }, "a field 'noLeaks' that means nothing"],
])('refuses %o and says why', (value, message) => {
  expect(() => checkScenario(value, 'x.ts')).toThrow(message);
});

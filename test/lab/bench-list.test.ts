import { describe, expect, it } from 'vitest';
import { parseNameList, parseNumberList } from '../../src/lab/bench-list.js';
import { spread } from '../../src/lab/bench-spread.js';

describe('a list of numbers', () => {
  it.each([
    ['0-9', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['3', [3]],
    ['4,1,2', [1, 2, 4]],
    ['0-2, 9', [0, 1, 2, 9]],
    ['1,1-2,2', [1, 2]],
  ])('%s', (text, numbers) => {
    expect(parseNumberList(text, '--orders', 0, 9)).toEqual(numbers);
  });

  it.each(['', ',', 'x', '1,', '-1', '1-', '2-1', '10', '0-10', '1.5', '1e1', '0x1'])(
    'refuses %j',
    (text) => {
      expect(() => parseNumberList(text, '--orders', 0, 9)).toThrow(
        /^--orders .* right are numbers from 0 to 9/,
      );
    },
  );
});

describe('a list of names', () => {
  const names = ['bulk', 'remote'] as const;

  it('is in the order of the names, each once', () => {
    expect(parseNameList('remote, bulk,remote', '--workload', names)).toEqual(['bulk', 'remote']);
  });

  it.each(['', 'bulk,', 'Bulk', 'toString'])('refuses %j', (text) => {
    expect(() => parseNameList(text, '--workload', names)).toThrow(/right are bulk, remote$/);
  });
});

describe('spread', () => {
  it('has the middle, the smallest and the largest', () => {
    expect(spread([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9 });
    expect(spread([4, 1, 10, 2])).toEqual({ median: 3, min: 1, max: 10 });
    expect(spread([7])).toEqual({ median: 7, min: 7, max: 7 });
  });

  it('needs a measurement', () => {
    expect(() => spread([])).toThrow(RangeError);
  });
});

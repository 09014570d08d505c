import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';

import { TextNumbers } from '../../src/trace/text-numbers.js';

function find(numbers: TextNumbers, text: string): number {
  const bytes = Buffer.from(`<<${text}>>`);
  return numbers.find(bytes, 2, bytes.length - 2);
}

describe('the numbers of texts', () => {
  test.prop([fc.array(fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b') }), { maxLength: 100 })])(
    'are the same for the same text, also of those that take the place of one another',
    (texts) => {
      const numbers = new TextNumbers(1000, 'further', 4);
      const distinct = [...new Set(texts)];
      expect(texts.map((text) => find(numbers, text))).toEqual(texts.map((text) => distinct.indexOf(text)));
      expect(distinct.map((_, number) => numbers.text(number))).toEqual(distinct);
      expect(numbers.size).toBe(distinct.length);
    },
  );

  it('end with one that all further texts share', () => {
    const numbers = new TextNumbers(2, '(further)', 4);
    expect(['a', 'b', 'c', 'd', 'a', 'c'].map((text) => find(numbers, text))).toEqual([0, 1, 2, 2, 0, 2]);
    expect(numbers.text(2)).toBe('(further)');
  });
});

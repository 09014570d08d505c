import { describe, expect, it } from 'vitest';

import * as gfp from '../../src/kernel/mm/gfp.js';
import { GfpFlagsParser } from '../../src/trace/gfp-flags-parser.js';

function parse(parser: GfpFlagsParser, text: string): number {
  const end = parser.parse(Buffer.from(`${text} x\n`), 0);
  expect(end).toBe(text.length);
  return parser.mask;
}

describe('gfp_flags', () => {
  it.each([
    ['GFP_KERNEL', 0xd0],
    ['GFP_USER', 0x200d0],
    ['GFP_ATOMIC|__GFP_NOWARN', 0x220],
    ['GFP_NOWAIT|__GFP_ACCOUNT', 0],
    ['GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP', 0x12c0d2],
    ['GFP_KERNEL_ACCOUNT|__GFP_ZERO', 0x80d0],
    ['__GFP_RECLAIM|__GFP_IO|__GFP_FS', gfp.GFP_KERNEL],
    ['__GFP_DIRECT_RECLAIM', gfp.__GFP_WAIT],
    ['__GFP_KSWAPD_RECLAIM', 0],
    ['__GFP_RETRY_MAYFAIL', gfp.__GFP_REPEAT],
    ['GFP_TRANSHUGE', gfp.GFP_HIGHUSER_MOVABLE | gfp.__GFP_COMP | gfp.__GFP_NOMEMALLOC | gfp.__GFP_NOWARN],
    ['GFP_KERNEL|GFP_NOWARN|GFP_ZERO', gfp.GFP_KERNEL | gfp.__GFP_NOWARN | gfp.__GFP_ZERO],
    ['none', 0],
    ['0', 0],
  ])('%s', (text, mask) => {
    const parser = new GfpFlagsParser();
    expect(parse(parser, text)).toBe(mask);
    expect(parse(parser, text)).toBe(mask);
    expect(parser.unknownNames()).toEqual([]);
  });

  it('counts names it does not know and leaves them out', () => {
    const parser = new GfpFlagsParser();
    for (let i = 0; i < 3; i++) expect(parse(parser, 'GFP_KERNEL|__GFP_FUTURE|0x4000000')).toBe(0xd0);
    parse(parser, '__GFP_FUTURE');
    expect(parser.unknownNames()).toEqual([
      { name: '__GFP_FUTURE', count: 4 },
      { name: '0x4000000', count: 3 },
    ]);
  });

  it('keeps a bounded number of unknown names', () => {
    const parser = new GfpFlagsParser();
    for (let i = 0; i < 5000; i++) parse(parser, `0x${(i + 1).toString(16)}`);
    const names = parser.unknownNames();
    expect(names.length).toBeLessThan(300);
    expect(names.reduce((sum, { count }) => sum + count, 0)).toBe(5000);
  });

  it('tells texts apart that differ in their last byte', () => {
    const parser = new GfpFlagsParser();
    expect(parse(parser, '__GFP_IO')).toBe(0x40);
    expect(parse(parser, '__GFP_FS')).toBe(0x80);
    expect(parse(parser, '__GFP_IO')).toBe(0x40);
  });
});

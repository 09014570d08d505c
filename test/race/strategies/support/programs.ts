import fc from 'fast-check';
import type { ModelProgram, Step } from './model.js';

/** Words for data, and the word of a lock that readers and writers share. */
const WORDS = 2;
const LOCK = 5;

const word = fc.nat({ max: WORDS - 1 });
const value = fc.nat({ max: 2 });

const access: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('load' as const, 'load byte' as const, 'store byte' as const), word }),
  fc.record({ do: fc.constantFrom('store' as const, 'add' as const), word, value }),
  fc.record({ do: fc.constant('store register plus 1' as const), word }),
  fc.record({ do: fc.constant('cas' as const), word, expected: value, value }),
);

const waiting: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('wait' as const), word, expected: fc.constant(0) }),
  fc.record({ do: fc.constant('notify' as const), word, count: fc.constantFrom(1, 2) }),
  fc.record({ do: fc.constant('spin until' as const), word, value: fc.constantFrom(1, 2) }),
);

const section = fc
  .tuple(fc.array(access, { maxLength: 1 }), fc.boolean())
  .map(([steps, reads]): Step[] =>
    reads
      ? [{ do: 'read lock', word: LOCK }, ...steps, { do: 'read unlock', word: LOCK }]
      : [{ do: 'lock', word: LOCK }, ...steps, { do: 'unlock', word: LOCK }],
  );

const blocks = {
  accesses: access.map((step): Step[] => [step]),
  waits: waiting.map((step): Step[] => [step]),
  locks: section,
  numbers: fc.constant<Step[]>([{ do: 'choose', limit: 2 }]),
  branches: fc
    .tuple(value, access)
    .map(([register, step]): Step[] => [{ do: 'skip unless', value: register, steps: 1 }, step]),
  masked: access.map((step): Step[] => [{ do: 'disable interrupts' }, step, { do: 'enable interrupts' }]),
};

export type Block = keyof typeof blocks;

/** What a program is made of; `interrupts` adds a handler to its first thread. */
export interface ProgramShape {
  readonly blocks: readonly Block[];
  readonly threads: number;
  readonly blocksPerThread: number;
  readonly timeouts?: number;
  readonly interrupts?: boolean;
}

export function programOf(shape: ProgramShape): fc.Arbitrary<ModelProgram> {
  const thread = fc
    .array(fc.oneof(...shape.blocks.map((block) => blocks[block])), {
      minLength: 1,
      maxLength: shape.blocksPerThread,
    })
    .map((parts) => parts.flat());
  const threads = fc.array(thread, { minLength: 2, maxLength: shape.threads });
  const handler = fc.array(access, { minLength: 1, maxLength: 2 });
  return fc.tuple(threads, handler).map(([all, steps]) => ({
    threads: all,
    timeouts: shape.timeouts ?? 0,
    interrupts: shape.interrupts === true ? [{ base: 0, steps }] : [],
  }));
}

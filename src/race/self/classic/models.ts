import type { SequentialModel } from '../../detect/linearizability.js';

type Items = readonly number[];

function unknownOperation(name: string): Error {
  return new Error(`the model knows no operation '${name}'`);
}

/** A stack with `push` and `pop`; an empty one pops 0. */
export function stackModel(initial: Items = []): SequentialModel<Items> {
  return {
    initial: () => initial,
    apply(items, name, argument) {
      if (name === 'push') return { state: [...items, argument as number], result: undefined };
      if (name === 'pop') return { state: items.slice(0, -1), result: items.at(-1) ?? 0 };
      throw unknownOperation(name);
    },
  };
}

/** A queue with `enqueue` and `dequeue`; an empty one gives 0. */
export function queueModel(initial: Items = []): SequentialModel<Items> {
  return {
    initial: () => initial,
    apply(items, name, argument) {
      if (name === 'enqueue') return { state: [...items, argument as number], result: undefined };
      if (name === 'dequeue') return { state: items.slice(1), result: items.at(0) ?? 0 };
      throw unknownOperation(name);
    },
  };
}

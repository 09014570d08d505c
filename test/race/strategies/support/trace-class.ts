import {
  OP_ACQUIRE,
  OP_AWAIT,
  OP_CAS,
  OP_LOCAL,
  OP_NOTIFY,
  OP_READ,
  OP_RELEASE,
  OP_RMW,
  OP_TIMEOUT,
  OP_WAIT,
  OP_WRITE,
} from '../../../../src/race/engine/op.js';
import type { Model } from './model.js';

const WRITES = [OP_WRITE, OP_RMW, OP_CAS, OP_ACQUIRE, OP_RELEASE];
const READS = [OP_READ, OP_WAIT, OP_AWAIT];
const QUEUE = [OP_WAIT, OP_NOTIFY, OP_TIMEOUT];

/**
 * What distinguishes the last execution of a model from others: for each byte the order of the writes, and between which
 * of them each read took place; the same for the queues of waiting threads, for the clock, and for the place of
 * interrupts; the numbers chosen.
 */
export function traceClass(model: Model): string {
  const places = new Map<string, { writes: string; reads: string[] }>();
  const done = new Array<number>(model.threads).fill(0);
  const readInARow = Array.from({ length: model.threads }, (): number[] => []);
  for (const { thread, kind, low, high } of model.trace) {
    const name = `${thread}.${done[thread]++}`;
    const touch = (place: string, writes: boolean): void => {
      let at = places.get(place);
      if (at === undefined) places.set(place, (at = { writes: '', reads: [] }));
      if (!writes) {
        if (!at.reads.includes(name)) at.reads.push(name);
        return;
      }
      at.writes += `(${at.reads.sort().join(',')})${name}`;
      at.reads = [];
    };
    if (kind === OP_LOCAL) {
      readInARow[thread] = [];
      const base = model.baseOf(thread);
      if (base >= 0) touch(`interrupt ${thread} after ${done[base]}`, true);
      continue;
    }
    if (WRITES.includes(kind) || READS.includes(kind)) {
      for (let byte = low; byte < high; byte++) touch(`byte ${byte}`, WRITES.includes(kind));
    }
    // A spinning thread may wait for a change of anything that it has read just before.
    if (kind === OP_AWAIT) for (const byte of readInARow[thread]) touch(`byte ${byte}`, false);
    if (kind !== OP_READ) readInARow[thread] = [];
    else for (let byte = low; byte < high; byte++) readInARow[thread].push(byte);
    if (QUEUE.includes(kind)) touch(`queue ${low}`, true);
    if (kind === OP_WAIT || kind === OP_TIMEOUT) touch('clock', kind === OP_TIMEOUT);
  }
  const texts = [...places].map(
    ([place, { writes, reads }]) => `${place}: ${writes}(${reads.sort().join(',')})`,
  );
  return `${texts.sort().join('\n')}\n${model.numbers()}`;
}

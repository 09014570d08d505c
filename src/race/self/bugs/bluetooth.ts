import { scenario, type SharedMemory } from '../../scenario.js';
import type { KnownBug } from '../self-check.js';

/** Somebody stops the driver: no new work may begin. */
const STOPPING = 0;
/** Those at work, and one for the driver itself. */
const PENDING = 1;
/** Set when nobody is at work any more. */
const IDLE = 2;
/** The driver is gone. */
const STOPPED = 3;

/** Whether work may begin. Between the look and the count the driver may be stopped: this is the bug. */
function begin(m: SharedMemory): boolean {
  if (Atomics.load(m.i32, STOPPING) === 1) return false;
  Atomics.add(m.i32, PENDING, 1);
  return true;
}

function end(m: SharedMemory): void {
  if (Atomics.sub(m.i32, PENDING, 1) === 1) Atomics.store(m.i32, IDLE, 1);
}

function work(m: SharedMemory): void {
  if (!begin(m)) return;
  if (Atomics.load(m.i32, STOPPED) === 1) throw new Error('work in a driver that is stopped');
  end(m);
}

function stop(m: SharedMemory): void {
  Atomics.store(m.i32, STOPPING, 1);
  end(m);
  while (Atomics.load(m.i32, IDLE) === 0) {
    // Others are still at work.
  }
  Atomics.store(m.i32, STOPPED, 1);
}

/** After the Bluetooth driver that Qadeer and Wu checked with KISS. */
export const BLUETOOTH: KnownBug = {
  name: 'bluetooth driver',
  scenario: scenario({
    name: 'bug: bluetooth driver',
    memory: 64,
    setup(m) {
      m.i32[PENDING] = 1;
    },
    threads: [work, stop],
  }),
  kinds: ['assertion'],
};

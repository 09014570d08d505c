import type { Classic } from '../self-check.js';
import { BAKERY } from './bakery.js';
import { BARRIER } from './barrier.js';
import { DEKKER } from './dekker.js';
import { MCS_LOCK } from './mcs-lock.js';
import { MICHAEL_SCOTT_QUEUE } from './michael-scott-queue.js';
import { PETERSON } from './peterson.js';
import { RING } from './ring.js';
import { SEQLOCK } from './seqlock.js';
import { TICKET_LOCK } from './ticket-lock.js';
import { TREIBER_STACK } from './treiber-stack.js';

/** Algorithms that every checker should know: right as they are, and wrong with any line changed. */
export const CLASSICS: readonly Classic[] = [
  PETERSON,
  DEKKER,
  BAKERY,
  TICKET_LOCK,
  MCS_LOCK,
  SEQLOCK,
  TREIBER_STACK,
  MICHAEL_SCOTT_QUEUE,
  RING,
  BARRIER,
];

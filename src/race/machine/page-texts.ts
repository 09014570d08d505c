import { PAGE_SIZE } from '../../arch/page.js';
import type { FailureDetail } from '../engine/failure.js';

/** Something that happened to a block of pages: its allocation, or a free. */
export interface BlockEvent {
  /** The first frame. */
  readonly frame: number;
  readonly order: number;
  /** Name of who did it: a thread, or `setup`. */
  readonly by: string;
  /** Number of the thread; -1 outside of threads. */
  readonly thread: number;
  /** Number of the operation; -1 outside of threads. */
  readonly step: number;
  /** When it was, for the race detector; 0 outside of threads. */
  readonly stamp: number;
}

/** How reports call a frame. */
export function pageText(frame: number): string {
  return `page 0x${frame.toString(16)}`;
}

/** How reports call a block by its first frame. */
export function blockText({ frame, order }: BlockEvent): string {
  return order === 0 ? pageText(frame) : `the ${1 << order} pages from 0x${frame.toString(16)} on`;
}

/** The part of a frame from byte `from` up to `to`: `word 3 of page 0x1a40`. */
export function partText(frame: number, from: number, to: number): string {
  const page = pageText(frame);
  const size = to - from;
  if (size === PAGE_SIZE) return page;
  if (size === 4 && from % 4 === 0) return `word ${from / 4} of ${page}`;
  return size === 1 ? `byte ${from} of ${page}` : `bytes ${from} to ${to - 1} of ${page}`;
}

/** A detail that shows where something happened to a block. A report adds the calls of the operation. */
export function eventDetail(verb: string, event: BlockEvent): FailureDetail {
  const { by, order, step } = event;
  const subject =
    order === 0 ? pageText(event.frame) : `the block of order ${order} at ${pageText(event.frame)}`;
  const when = step < 0 ? '' : `, step ${step}`;
  return {
    heading: `${subject} was ${verb} ${event.thread < 0 ? `in ${by}` : `by ${by}`}${when}`,
    lines: [],
    step: step < 0 ? undefined : step,
  };
}

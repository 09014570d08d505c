import type { Site, TraceEvent } from '../engine/failure.js';
import { oneLine } from './plain-text.js';

/** A function that was being executed. */
export interface Call {
  readonly name: string;
  /** `file:line` from where it was called; empty when that is not known. */
  readonly from: string;
}

/** A function on the stack, and the place inside it that is being executed. */
interface Frame {
  readonly name: string;
  readonly place: string;
}

/** `file:line` of an operation; empty when it is not known. */
export function placeText(site: Site | undefined): string {
  return site === undefined ? '' : oneLine(`${site.file}:${site.line}`);
}

/**
 * The calls in which an operation stands, outermost first. Two operations are in the same call when the same functions
 * were called from the same places; where these functions have got to meanwhile does not matter.
 */
export function callsOf(event: TraceEvent): Call[] {
  const frames = framesOf(event);
  const calls = frames.map(({ name }, i): Call => ({ name, from: i === 0 ? '' : frames[i - 1].place }));
  // A thread's function that has no name says nothing.
  return calls.at(0)?.name === '' ? calls.slice(1) : calls;
}

/** How many calls two stacks have in common, from the outermost on. */
export function commonCalls(a: readonly Call[], b: readonly Call[]): number {
  let common = 0;
  while (
    common < a.length &&
    common < b.length &&
    a[common].name === b[common].name &&
    a[common].from === b[common].from
  ) {
    common++;
  }
  return common;
}

/** A call as reports show it. */
export function callText({ name }: Pick<Call, 'name'>): string {
  return `${name === '' ? 'anonymous' : name}()`;
}

/** The expression of an operation and the stack around it, innermost first, as lines. */
export function stackLines(event: TraceEvent): string[] {
  const { site } = event;
  const frames = framesOf(event).reverse();
  const own = site === undefined ? '' : `${placeText(site)}:${site.column}`;
  const rows = frames.map(({ name, place }, i) => [
    `at ${name === '' ? 'anonymous' : name}`,
    i === 0 && own !== '' ? own : place,
  ]);
  if (rows.length === 0 && own !== '') rows.push(['at', own]);
  const width = Math.max(0, ...rows.map(([text]) => text.length));
  const lines = rows.map(([text, place]) => `${text.padEnd(width)}  ${place}`.trimEnd());
  return site === undefined ? lines : [oneLine(site.text), ...lines];
}

function framesOf({ calls, site }: TraceEvent): Frame[] {
  if (calls.length > 0) return calls.map(parseFrame);
  const name = oneLine(site?.functionName ?? '');
  return name === '' ? [] : [{ name, place: placeText(site) }];
}

/** Reads `name file:line`; either may be missing. */
function parseFrame(text: string): Frame {
  const match = /^(.*?) ?(\S+:\d+)$/.exec(text);
  return match === null
    ? { name: oneLine(text), place: '' }
    : { name: oneLine(match[1]), place: oneLine(match[2]) };
}

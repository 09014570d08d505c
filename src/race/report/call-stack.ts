import type { Site, TraceEvent } from '../engine/failure.js';
import { oneLine } from './plain-text.js';

/** A function that was being executed. */
export interface Call {
  readonly name: string;
  /** `file:line`, or empty when the operation's own place says as much. */
  readonly place: string;
}

/** `file:line` of an operation; empty when it is not known. */
export function placeText(site: Site | undefined): string {
  return site === undefined ? '' : oneLine(`${site.file}:${site.line}`);
}

/** The calls in which an operation stands, outermost first. */
export function callsOf({ calls, site }: TraceEvent): Call[] {
  if (calls.length === 0) {
    const name = site?.functionName ?? '';
    return name === '' ? [] : [{ name: oneLine(name), place: '' }];
  }
  const own = placeText(site);
  return calls.map((text) => {
    const line = oneLine(text);
    const space = line.lastIndexOf(' ');
    const place = line.slice(space + 1);
    // The innermost one, which moves on with each operation, would else look like a new call.
    return { name: space < 0 ? line : line.slice(0, space), place: space < 0 || place === own ? '' : place };
  });
}

/** How many calls two stacks have in common, from the outermost on. */
export function commonCalls(a: readonly Call[], b: readonly Call[]): number {
  let common = 0;
  while (
    common < a.length &&
    common < b.length &&
    a[common].name === b[common].name &&
    a[common].place === b[common].place
  ) {
    common++;
  }
  return common;
}

/** The place of an operation and the calls around it, innermost first, as lines. */
export function stackLines(event: TraceEvent): string[] {
  const { site } = event;
  const calls = callsOf(event).reverse();
  const here = site === undefined ? [] : [[oneLine(site.text), `${placeText(site)}:${site.column}`]];
  const rows = [...here, ...calls.map(({ name, place }) => [`in ${name}`, place])];
  const width = Math.max(0, ...rows.map(([text]) => text.length));
  return rows.map(([text, place]) => `${text.padEnd(width)}  ${place}`.trimEnd());
}

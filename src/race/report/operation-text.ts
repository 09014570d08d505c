import type { TraceEvent } from '../engine/failure.js';
import {
  MODE_ATOMIC,
  MODE_MARKED,
  OP_ACQUIRE,
  OP_AWAIT,
  OP_LOCAL,
  OP_NAMES,
  OP_NOTIFY,
  OP_READ,
  OP_RELEASE,
  OP_RMW,
  OP_TIMEOUT,
  OP_WAIT,
  OP_WRITE,
} from '../engine/op.js';
import { oneLine } from './plain-text.js';

/** From here on a value is more likely an address, flags or poison than a count, and is shown in hexadecimal. */
const HEXADECIMAL_FROM = 1 << 20;

/** What an operation did, in a few words: `write i32[3]: 5 -> 6`. */
export function operationText(event: TraceEvent): string {
  return operationParts(event).join(' ');
}

/** The same in the parts that belong together where the text is broken: `write i32[3]:`, `5 -> 6`. */
export function operationParts(event: TraceEvent): string[] {
  const { kind, name } = event;
  if (kind === OP_LOCAL)
    return [oneLine(event.note === '' ? (event.site?.text ?? OP_NAMES[OP_LOCAL]) : event.note)];
  const value = valueText(event);
  const isChange = value.includes('->');
  const note = noteText(event);
  return [
    ...oneLine(`${verb(event)} ${name}${isChange ? ':' : ''}`).split(' '),
    ...(value === '' ? [] : [value]),
    ...(note === '' ? [] : [`(${note})`]),
  ];
}

/** A value as reports show it. */
export function formatValue(value: number | bigint): string {
  if (typeof value === 'number' && (!Number.isInteger(value) || value < HEXADECIMAL_FROM)) {
    return Object.is(value, -0) ? '-0' : String(value);
  }
  return value < HEXADECIMAL_FROM ? String(value) : `0x${value.toString(16)}`;
}

/** The method of Atomics that the operation calls, if the source says so. */
function calledMethod({ site }: TraceEvent): string | undefined {
  return /^Atomics\.(\w+)/.exec(site?.text ?? '')?.[1];
}

/** A compareExchange or a wait that found another value than it was to find only reads. */
function isUnequal(event: TraceEvent): boolean {
  const method = calledMethod(event);
  return event.kind === OP_READ && (method === 'compareExchange' || method === 'wait');
}

function noteText(event: TraceEvent): string {
  return oneLine(event.note === '' && isUnequal(event) ? 'not equal' : event.note);
}

function verb(event: TraceEvent): string {
  const { kind, mode, name } = event;
  const method = calledMethod(event);
  switch (kind) {
    case OP_READ:
      return method !== undefined && isUnequal(event) ? method : accessVerb('read', mode);
    case OP_WRITE:
      return accessVerb('write', mode);
    case OP_RMW:
      return `atomic ${method ?? 'update'}`;
    case OP_AWAIT:
      return name === '' ? 'spinning ends' : 'spinning ends:';
    case OP_TIMEOUT:
      return name === '' ? 'wait ends' : 'wait ends:';
    default:
      return OP_NAMES.at(kind) ?? `operation ${kind}`;
  }
}

/** Deliberate races are called as the functions that make them. */
function accessVerb(name: string, mode: number): string {
  if (mode === MODE_MARKED) return `${name}Once`;
  return mode === MODE_ATOMIC ? `atomic ${name}` : name;
}

function valueText({ kind, before, after }: TraceEvent): string {
  switch (kind) {
    case OP_READ:
    case OP_AWAIT:
    case OP_WAIT:
      return after === undefined ? '' : `= ${formatValue(after)}`;
    case OP_NOTIFY:
    case OP_ACQUIRE:
    case OP_RELEASE:
    case OP_TIMEOUT:
      return '';
    default:
      if (after === undefined) return '';
      return before === undefined
        ? `= ${formatValue(after)}`
        : `${formatValue(before)} -> ${formatValue(after)}`;
  }
}

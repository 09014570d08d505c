import { MAX_THREADS } from '../engine/strategy.js';
import { RaceUsageError } from '../race-error.js';
import type { MachineScenario, MemoryScenario, Scenario } from '../scenario.js';

/** What a field of a scenario must be. */
type Shape =
  'name' | 'number' | 'function' | 'functions' | 'array' | 'checks' | 'boolean' | 'object' | 'machine';

/** Of every field: a scenario that gets another one does not compile without it here. */
const MEMORY_FIELDS: Readonly<Record<keyof MemoryScenario, Shape>> = {
  name: 'name',
  memory: 'number',
  setup: 'function',
  threads: 'functions',
  invariant: 'function',
  final: 'function',
  model: 'object',
  timeouts: 'number',
  spuriousWakeups: 'number',
  maxSteps: 'number',
  ignore: 'checks',
};

const MACHINE_FIELDS: Readonly<Record<keyof MachineScenario, Shape>> = {
  name: 'name',
  machine: 'machine',
  setup: 'function',
  threads: 'functions',
  invariant: 'function',
  final: 'function',
  model: 'object',
  timeouts: 'number',
  spuriousWakeups: 'number',
  maxSteps: 'number',
  ignore: 'checks',
  console: 'function',
  tasks: 'array',
  preemptions: 'number',
  interrupts: 'array',
  functions: 'object',
  allocationFailures: 'number',
  noLeaks: 'boolean',
  realLocks: 'boolean',
  patches: 'array',
};

/** What can be left out. */
const CHECKS: ReadonlySet<unknown> = new Set<NonNullable<Scenario['ignore']>[number]>([
  'race',
  'lock-order',
  'lost-wakeup',
  'uninitialised',
]);

/** What a shape is in words, and whether a value has it. */
const SHAPES: Readonly<Record<Shape, readonly [words: string, has: (value: unknown) => boolean]>> = {
  name: [
    'a text of one line, not empty',
    (value) => typeof value === 'string' && /^\P{Cc}*\S\P{Cc}*$/u.test(value),
  ],
  number: ['a whole number, not negative', (value) => Number.isSafeInteger(value) && (value as number) >= 0],
  function: ['a function', (value) => typeof value === 'function'],
  functions: [
    `an array of 1 to ${MAX_THREADS} functions`,
    (value) =>
      Array.isArray(value) &&
      value.length >= 1 &&
      value.length <= MAX_THREADS &&
      value.every((f) => typeof f === 'function'),
  ],
  array: ['an array', Array.isArray],
  checks: [
    `an array of ${[...CHECKS].join(', ')}`,
    (value) => Array.isArray(value) && value.every((check) => CHECKS.has(check)),
  ],
  boolean: ['true or false', (value) => typeof value === 'boolean'],
  object: ['an object', isObject],
  machine: ["a preset's name or a configuration", (value) => typeof value === 'string' || isObject(value)],
};

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/**
 * Makes sure that what a file exports is a scenario.
 *
 * @param where for the message: the file and the part of it
 * @throws RaceUsageError that says what is wrong with it
 */
export function checkScenario(value: unknown, where: string): Scenario {
  if (!isObject(value)) {
    throw new RaceUsageError(
      `${where} is ${describe(value)}, it must be a scenario or an array of scenarios`,
    );
  }
  const fields = value as Readonly<Record<string, unknown>>;
  const title = typeof fields.name === 'string' ? `${where}, scenario '${fields.name}'` : where;
  const hasMemory = fields.memory !== undefined;
  if (hasMemory === (fields.machine !== undefined)) {
    throw new RaceUsageError(
      `${title} has ${hasMemory ? 'both' : 'neither'} 'memory' ${hasMemory ? 'and' : 'nor'} 'machine': ` +
        'a scenario has one of them, bytes of bare memory or a machine to boot',
    );
  }
  checkFields(fields, hasMemory ? MEMORY_FIELDS : MACHINE_FIELDS, title);
  return value as Scenario;
}

function checkFields(
  fields: Readonly<Record<string, unknown>>,
  shapes: Readonly<Record<string, Shape>>,
  title: string,
): void {
  for (const needed of ['name', 'threads']) {
    if (fields[needed] === undefined) {
      throw new RaceUsageError(`${title} has no '${needed}', it must be ${SHAPES[shapes[needed]][0]}`);
    }
  }
  for (const [field, value] of Object.entries(fields)) {
    if (!Object.hasOwn(shapes, field)) {
      const known = Object.keys(shapes).join(', ');
      throw new RaceUsageError(`${title} has a field '${field}' that means nothing; fields are ${known}`);
    }
    const [words, has] = SHAPES[shapes[field]];
    if (value !== undefined && !has(value)) {
      throw new RaceUsageError(`${title}: ${field} is ${describe(value)}, it must be ${words}`);
    }
  }
}

/** A wrong value, short. */
function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  switch (typeof value) {
    case 'object':
      return 'an object';
    case 'function':
      return 'a function';
    case 'string':
      return JSON.stringify(value);
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value);
    default:
      return typeof value;
  }
}

import type { ConfigProblem } from './config-error.js';
import { nearestName } from './config-nearest.js';
import { formatMemorySize, formatPhysical, parseMemorySize } from './memory-size.js';

/** Text of a wrong value is quoted up to here. Characters. */
const QUOTED_LENGTH = 40;

/**
 * A value of a configuration that knows its path. Its readers give the value in the type asked for, or note a
 * problem under that path and give null, so that reading goes on and finds all problems.
 */
export class ConfigField {
  readonly value: unknown;
  /** Such as `nodes[1].cpus`; empty for the configuration itself. */
  readonly path: string;
  private readonly problems: ConfigProblem[];

  constructor(value: unknown, path: string, problems: ConfigProblem[]) {
    this.value = value;
    this.path = path;
    this.problems = problems;
  }

  get isGiven(): boolean {
    return this.value !== undefined;
  }

  /** Notes a problem with this field. */
  refuse(message: string): null {
    this.problems.push({ path: this.path, message });
    return null;
  }

  /** Notes that this field is missing or not what is wanted. */
  mustBe(wanted: string): null {
    return this.refuse(
      this.isGiven ? `must be ${wanted}, not ${describe(this.value)}` : `missing: ${wanted}`,
    );
  }

  /** A field of an object, known or not. */
  field(name: string): ConfigField {
    const path = this.path === '' ? name : `${this.path}.${name}`;
    return new ConfigField((this.value as Record<string, unknown>)[name], path, this.problems);
  }

  /** The fields of an object. Refuses those that are not `known`. */
  object<Name extends string>(known: readonly Name[], example: string): Record<Name, ConfigField> | null {
    const { value } = this;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.mustBe(`an object such as ${example}`);
    }
    for (const name of Object.keys(value)) {
      if ((known as readonly string[]).includes(name)) continue;
      this.field(name).refuse(
        `unknown field, nearest is '${nearestName(name, known)}' (fields: ${known.join(', ')})`,
      );
    }
    return Object.fromEntries(known.map((name) => [name, this.field(name)])) as Record<Name, ConfigField>;
  }

  /** The elements of a list. */
  list(wanted: string): ConfigField[] | null {
    if (!Array.isArray(this.value)) return this.mustBe(wanted);
    return Array.from(
      this.value as unknown[],
      (element, index) => new ConfigField(element, `${this.path}[${index}]`, this.problems),
    );
  }

  /** A size or a physical address, in bytes. */
  size(wanted = `a size: bytes, or a text such as '256M'`): number | null {
    const { value } = this;
    const bytes = typeof value === 'string' ? parseMemorySize(value) : value;
    if (typeof bytes !== 'number') return this.mustBe(wanted);
    return Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : this.mustBe(wanted);
  }

  /** A whole number from `min` to `max`; `meaning` follows in the message. */
  integer(min: number, max: number, meaning = ''): number | null {
    const { value } = this;
    const isRight = typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
    return isRight ? value : this.mustBe(`a whole number from ${min} to ${max}${meaning}`);
  }

  boolean(): boolean | null {
    return typeof this.value === 'boolean' ? this.value : this.mustBe('true or false');
  }

  /** A text that is not empty. */
  text(wanted: string): string | null {
    return typeof this.value === 'string' && this.value !== '' ? this.value : this.mustBe(wanted);
  }

  oneOf<Name extends string>(names: readonly Name[]): Name | null {
    const name = names.find((candidate) => candidate === this.value);
    return name ?? this.mustBe(names.map((candidate) => `'${candidate}'`).join(' or '));
  }

  /** Refuses a size that is not a multiple of `unit`, and names those beside it. */
  isMultiple(bytes: number, unit: number, reason: string): boolean {
    return this.checkMultiple(bytes, unit, reason, formatMemorySize);
  }

  /** The same for a physical address. */
  isAligned(address: number, unit: number, reason: string): boolean {
    return this.checkMultiple(address, unit, reason, formatPhysical);
  }

  private checkMultiple(
    value: number,
    unit: number,
    reason: string,
    format: (value: number) => string,
  ): boolean {
    if (value % unit === 0) return true;
    const below = value - (value % unit);
    const beside = `${format(below)} and ${format(below + unit)}`;
    this.refuse(
      `must be a multiple of ${formatMemorySize(unit)}, ${reason}; ${format(value)} lies between ${beside}`,
    );
    return false;
  }
}

/** A wrong value in words. */
function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > QUOTED_LENGTH ? `'${value.slice(0, QUOTED_LENGTH)}...'` : `'${value}'`;
    case 'number':
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? 'a list' : 'an object';
    default:
      return `a ${typeof value}`;
  }
}

/** Deeper parts of a state are told apart by their identity. A state that contains itself ends here, too. */
const MAX_DEPTH = 50;

/** Makes texts of states: two states with the same text are the same. The converse need not hold. */
export class StateKeys {
  readonly #identities = new WeakMap<object, number>();
  #nextIdentity = 0;

  of(state: unknown): string {
    return this.#text(state, 0);
  }

  #text(value: unknown, depth: number): string {
    switch (typeof value) {
      case 'string':
        return JSON.stringify(value);
      case 'number':
        return Object.is(value, -0) ? '-0' : String(value);
      case 'bigint':
        return `${value}n`;
      case 'boolean':
      case 'undefined':
        return String(value);
      case 'object':
        if (value === null) return 'null';
        return depth < MAX_DEPTH ? this.#objectText(value, depth + 1) : this.#identity(value);
      case 'function':
        return this.#identity(value);
      default:
        throw new TypeError('A state of a model holds a symbol: give the model a key(state)');
    }
  }

  #objectText(value: object, depth: number): string {
    if (Array.isArray(value)) return `[${value.map((item) => this.#text(item, depth)).join()}]`;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
      const fields = Object.entries(value).map(
        ([name, field]) => `${JSON.stringify(name)}:${this.#text(field, depth)}`,
      );
      return `{${fields.join()}}`;
    }
    if (prototype === Map.prototype) {
      const entries = [...(value as Map<unknown, unknown>)];
      return `M[${entries.map(([key, item]) => `${this.#text(key, depth)}:${this.#text(item, depth)}`).join()}]`;
    }
    if (prototype === Set.prototype) {
      return `S[${[...(value as Set<unknown>)].map((item) => this.#text(item, depth)).join()}]`;
    }
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      return `${value.constructor.name}[${(value as Uint8Array).join()}]`;
    }
    // What an object of another class holds cannot be seen from outside.
    return this.#identity(value);
  }

  #identity(value: object): string {
    let identity = this.#identities.get(value);
    if (identity === undefined) this.#identities.set(value, (identity = this.#nextIdentity++));
    return `#${identity}`;
  }
}

/** Freezes a state as far as objects and arrays go. @returns whether this was all that was not frozen yet */
export function freezeState(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return false;
  Object.freeze(value);
  let isAll = true;
  for (const part of Object.values(value)) isAll = freezeState(part) && isAll;
  return isAll;
}

/**
 * What a caller gave where something else was wanted, for messages: short whatever it is, and a text is told from a number.
 */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'function':
      return value.name === '' ? 'a function' : `the function ${value.name}`;
    case 'object':
      return value === null ? 'null' : 'an object';
    case 'bigint':
      return `${value}n`;
    default:
      return String(value);
  }
}

/** A whole number with separators: `43,102,923`. Independent of the locale, since reports are compared as text. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** A number and what is counted: `1 switch`, `1,204 operations`. */
export function amount(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

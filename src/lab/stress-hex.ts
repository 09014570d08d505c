/** The bits of a word, `0xdead`. */
export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

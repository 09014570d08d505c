/** What a suffix multiplies by: the kernel's memparse(), as far as memory of 16 GiB goes. */
const UNITS = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;

/** A number, decimal or hexadecimal; a unit; and what people add to it: `256M`, `256 MiB`, `0x100000`, `1.5GB`. */
const SIZE = /^(0x[0-9a-f]+|\d+(?:\.\d+)?)\s*(?:([kmg])(?:i?b)?|b)?$/i;

/**
 * Reads a size or a physical address as it is written on a kernel command line.
 *
 * @param text such as `'256M'`, `'640K'`, `'1G'`, `'0x100000000'`, `'4096'`
 * @returns bytes, or undefined when the text is not a whole number of bytes
 */
export function parseMemorySize(text: string): number | undefined {
  const match = SIZE.exec(text.trim());
  if (match === null) return undefined;
  const unit = (match[2] as string | undefined)?.toUpperCase() as keyof typeof UNITS | undefined;
  const bytes = Number(match[1]) * (unit === undefined ? 1 : UNITS[unit]);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A size in the largest unit that divides it: `256M`, `636K`, `5000`. {@link parseMemorySize} reads it back. */
export function formatMemorySize(bytes: number): string {
  if (bytes === 0) return '0';
  for (const unit of ['G', 'M', 'K'] as const) {
    if (bytes % UNITS[unit] === 0) return `${bytes / UNITS[unit]}${unit}`;
  }
  return String(bytes);
}

/** A physical address in hexadecimal, without padding. */
export function formatPhysical(address: number): string {
  return `0x${address.toString(16)}`;
}

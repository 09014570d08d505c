/** A whole number with separators: `43,102,923`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** A number and what is counted, `1 page`, `558 pages`. */
export function amount(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A time in a unit that suits it: `850 us`, `12.5 ms`, `3.1 s`. */
export function duration(seconds: number): string {
  if (seconds < 1e-3) return `${(seconds * 1e6).toFixed(0)} us`;
  if (seconds < 1) return `${(seconds * 1e3).toFixed(1)} ms`;
  return `${seconds.toFixed(1)} s`;
}

/** How often something happens, in three digits or so: `1.87 million/s`, `412,000/s`. */
export function rate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} million/s`;
  const unit = perSecond >= 1000 ? 1000 : 1;
  return `${count(Math.round(perSecond / unit) * unit)}/s`;
}

/** A part of a whole in percent, `2.454%`; `0.000%` of nothing. */
export function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : (part / whole) * 100).toFixed(3)}%`;
}

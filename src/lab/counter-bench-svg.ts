import type { BenchHost } from './bench-host.js';
import { benchHostLine } from './bench-table.js';
import type { CounterRow } from './counter-bench.js';
import { COUNTER_KIND_NAMES, type CounterKind } from './counter-kind.js';

const WIDTH = 860;
const HEIGHT = 520;
/** The plane of the lines, in pixels. */
const LEFT = 70;
const RIGHT = 660;
const TOP = 50;
const BOTTOM = 450;

/** Colours that people with any kind of colour vision can tell apart (Okabe and Ito), and two greys. */
const COLOURS: Readonly<Record<CounterKind, string>> = {
  bare: '#999999',
  guarded: '#0072b2',
  unguarded: '#56b4e9',
  dynamic: '#009e73',
  percpu_counter: '#cc79a7',
  atomic: '#d55e00',
  spinlock: '#e69f00',
  rwlock: '#b8a800',
  'false-sharing': '#333333',
};

/** A picture of throughput against CPUs, both logarithmic; only rows without a reader. */
export function counterSvg(rows: readonly CounterRow[], host: BenchHost): string {
  const shown = rows.filter((row) => !row.reader);
  const rates = shown.map((row) => row.millionPerSecond.median);
  const counts = [...new Set(shown.map((row) => row.cpus))].sort((a, b) => a - b);
  const decades = [Math.floor(Math.log10(Math.min(...rates))), Math.ceil(Math.log10(Math.max(...rates)))];
  const [low, high] = decades[0] === decades[1] ? [decades[0], decades[0] + 1] : decades;
  const mostCpus = counts[counts.length - 1];
  const x = (cpus: number): number =>
    mostCpus === counts[0]
      ? (LEFT + RIGHT) / 2
      : LEFT + ((RIGHT - LEFT) * Math.log(cpus / counts[0])) / Math.log(mostCpus / counts[0]);
  const y = (rate: number): number => BOTTOM - ((BOTTOM - TOP) * (Math.log10(rate) - low)) / (high - low);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 28, 'Million increments a second of all CPUs together', 'font-size="16"'),
  ];
  for (let decade = low; decade <= high; decade++) {
    const at = y(10 ** decade);
    parts.push(line(LEFT, at, RIGHT, at), text(LEFT - 8, at + 4, String(10 ** decade), 'text-anchor="end"'));
  }
  for (const cpus of counts) {
    parts.push(
      line(x(cpus), TOP, x(cpus), BOTTOM),
      text(x(cpus), BOTTOM + 20, String(cpus), 'text-anchor="middle"'),
    );
  }
  parts.push(text((LEFT + RIGHT) / 2, BOTTOM + 40, 'CPUs', 'text-anchor="middle"'));
  parts.push(text(LEFT, HEIGHT - 8, benchHostLine(host), 'font-size="11" fill="#666666"'));
  const kinds = COUNTER_KIND_NAMES.filter((kind) => shown.some((row) => row.kind === kind));
  for (const [i, kind] of kinds.entries()) {
    const points = shown
      .filter((row) => row.kind === kind)
      .map((row) => `${px(x(row.cpus))},${px(y(row.millionPerSecond.median))}`);
    const colour = COLOURS[kind];
    parts.push(`<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const point of points) {
      const [cx, cy] = point.split(',');
      parts.push(`<circle cx="${cx}" cy="${cy}" r="3.5" fill="${colour}"/>`);
    }
    parts.push(`<rect x="${RIGHT + 20}" y="${TOP + i * 22}" width="14" height="14" fill="${colour}"/>`);
    parts.push(text(RIGHT + 42, TOP + 12 + i * 22, kind));
  }
  return `${parts.join('\n')}\n</svg>\n`;
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" stroke="#dddddd"/>`;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${px(x)}" y="${px(y)}" ${attributes}>${escaped}</text>`;
}

function px(value: number): string {
  return value.toFixed(1);
}

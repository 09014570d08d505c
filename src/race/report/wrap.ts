/** What stands for text that was cut off. */
const CUT = '...';

/** Lines that a text may take; of more, the middle is cut out. */
const MAX_LINES = 5;

/**
 * Parts in lines of at most `width` characters, broken between parts if possible, else at blanks, else anywhere.
 *
 * @param hang blanks before all lines but the first
 */
export function wrapParts(parts: readonly string[], width: number, hang = 0): string[] {
  const lines: string[] = [];
  const indent = ' '.repeat(Math.min(hang, Math.floor(width / 3)));
  let line = '';
  for (const part of parts) {
    if (line.trim() !== '' && line.length + 1 + part.length > width) {
      lines.push(line);
      line = indent;
    }
    line += line.trim() === '' ? part : ` ${part}`;
    while (line.length > width) {
      const end = breakAt(line, width, indent.length);
      lines.push(line.slice(0, end).trimEnd());
      line = indent + line.slice(end).trimStart();
    }
  }
  lines.push(line);
  if (lines.length <= MAX_LINES) return lines;
  // The start says what it is, the end has the value.
  const start = lines.slice(0, MAX_LINES - 1);
  return [...start.slice(0, -1), cutEnd(`${start[start.length - 1]} ${CUT}`, width), line];
}

/** Where a line that is too long is broken: at a blank, in front of a `.`, or where the width ends. */
function breakAt(line: string, width: number, indent: number): number {
  const blank = line.lastIndexOf(' ', width);
  if (blank > indent) return blank;
  const dot = line.lastIndexOf('.', width);
  return dot > indent + 2 ? dot : width;
}

/** A text whose end is cut off if it is too long. */
export function cutEnd(text: string, width: number): string {
  return text.length <= width ? text : (text.slice(0, Math.max(0, width - CUT.length)) + CUT).slice(0, width);
}

/** A text whose start is cut off if it is too long. */
export function cutStart(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= CUT.length ? CUT.slice(0, width) : CUT + text.slice(text.length - width + CUT.length);
}

/** A path whose first folders are left out if it is too long: `.../mm/buddy.ts:88`. */
export function cutPath(path: string, width: number): string {
  if (path.length <= width) return path;
  const slash = path.indexOf('/', path.length - width + CUT.length);
  return slash < 0 ? cutStart(path, width) : CUT + path.slice(slash);
}

/** Call traces, taken from the JavaScript stack: kernel functions carry their Linux names. */

/** Frames of a trace; deeper ones add little. */
const MAX_FRAMES = 12;

const FRAME = /^\s*at (?:(?:async )?(?<name>[^\s(]+) )?.*?(?<file>[^/\\() ]+):(?<line>\d+):\d+\)?$/;

/** What {@link formatLine} made of lines: a thread sees few different ones, each again and again. */
const FORMATTED = new Map<string, string>();
const MAX_FORMATTED = 4096;

/**
 * The functions that led here, innermost first, a line each: ` [<page-alloc.ts:120>] alloc_pages`.
 *
 * @param skip innermost frames to leave out, besides this function itself
 */
export function callTrace(skip = 0): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = MAX_FRAMES + skip + 2;
  const stack = new Error().stack ?? '';
  Error.stackTraceLimit = limit;
  return formatStack(stack, skip + 1);
}

/** Where the caller of the function that calls this was called: `file:line`, for messages that name their place. */
export function callSite(skip = 0): string {
  return /<([^>]+)>/.exec(callTrace(skip + 1))?.[1] ?? 'unknown:0';
}

/** A JavaScript stack as a kernel call trace; `skip` frames are left out. */
export function formatStack(stack: string, skip: number): string {
  const lines: string[] = [];
  for (const line of stack.split('\n')) {
    let formatted = FORMATTED.get(line);
    if (formatted === undefined) {
      formatted = formatLine(line);
      if (FORMATTED.size < MAX_FORMATTED) FORMATTED.set(line, formatted);
    }
    if (formatted !== '') lines.push(formatted);
  }
  return lines.slice(skip, skip + MAX_FRAMES).join('\n');
}

/** A line of a kernel call trace; empty where there is no kernel function. */
function formatLine(line: string): string {
  // What the engine and Node do in between is nobody's kernel function.
  if (line.includes('node:')) return '';
  const frame: Partial<Record<string, string>> | undefined = FRAME.exec(line)?.groups;
  if (frame?.file === undefined) return '';
  const name = (frame.name ?? '<anonymous>').replace(/^(Module|Object|Kernel)\./, '');
  return ` [<${frame.file}:${frame.line ?? '?'}>] ${name}`;
}

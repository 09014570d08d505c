import { originalPosition } from '../transform/original-position.js';

/** Frames of transformed functions: their twins have this at the end of their names. */
const FRAME =
  /^\s*at (?:async )?(?<name>[^\s(]+)(?: \[as [^\]]+\])? \(?(?<url>(?:file:\/\/|\/)[^)]*?):(?<line>\d+):(?<column>\d+)\)?$/;
const TWIN = '$r';

/**
 * The calls on a stack that belong to the program, outermost first: `name file:line`, where the line is that of the
 * place inside the function from which the next one was called.
 */
export function callsOf(stack: string): string[] {
  const calls: string[] = [];
  for (const line of stack.split('\n')) {
    const groups: Partial<Record<string, string>> | undefined = FRAME.exec(line)?.groups;
    if (groups?.name === undefined || groups.url === undefined) continue;
    const name = groups.name.split('.').at(-1) ?? '';
    if (!name.endsWith(TWIN)) continue;
    const { file, line: original } = originalPosition(groups.url, Number(groups.line), Number(groups.column));
    calls.unshift(`${name.slice(0, -TWIN.length)} ${file}:${original}`);
  }
  return calls;
}

/** A position in a file that the user knows. */
export interface Position {
  readonly file: string;
  readonly line: number;
}

/** Finds the source position of one in a transformed file. */
export type PositionMapper = (url: string, line: number, column: number) => Position | undefined;

let mapper: PositionMapper = () => undefined;

/** Who loads transformed files says how their positions map to those of the sources. */
export function mapPositions(next: PositionMapper): void {
  mapper = next;
}

const FRAME =
  /^\s*at (?:async )?(?<name>[^\s(]+)(?: \[as [^\]]+\])? \(?(?<url>(?:file:\/\/|\/)[^)]*?):(?<line>\d+):(?<column>\d+)\)?$/;
/** The names of twins end like this. */
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
    const position = mapper(groups.url, Number(groups.line), Number(groups.column));
    const place = position === undefined ? '' : ` ${position.file}:${position.line}`;
    calls.unshift(`${name.slice(0, -TWIN.length)}${place}`);
  }
  return calls;
}

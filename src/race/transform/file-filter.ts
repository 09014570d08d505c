/** Files: a regular expression, or a glob with `*`, `**`, `?` and `{a,b}`, that a path or its end has to match. */
export type FilePattern = RegExp | string;

/** Whether one of the patterns matches a path. */
export function matchesFile(path: string, patterns: readonly FilePattern[]): boolean {
  const normal = path.replaceAll('\\', '/');
  return patterns.some((pattern) =>
    (typeof pattern === 'string' ? globExpression(pattern) : pattern).test(normal),
  );
}

function globExpression(glob: string): RegExp {
  let depth = 0;
  const text = glob.replace(/^\.?\//, '').replace(/\*\*\/|\*\*|[*?{},]|[^\w\s]/g, (part) => {
    switch (part) {
      case '**/':
        return '(?:.*/)?';
      case '**':
        return '.*';
      case '*':
        return '[^/]*';
      case '?':
        return '[^/]';
      case '{':
        depth++;
        return '(?:';
      case '}':
        depth--;
        return ')';
      case ',':
        return depth > 0 ? '|' : ',';
      default:
        return `\\${part}`;
    }
  });
  return new RegExp(`(?:^|/)${text}$`);
}

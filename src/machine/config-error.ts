/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** The field, such as `nodes[1].memory[0].start`; empty when the configuration as a whole is meant. */
  readonly path: string;
  /** What is wrong with it, and what would be right. */
  readonly message: string;
}

/** Everything that is wrong with a machine configuration, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];
  /** Where the configuration came from: a file's name, or what it is. */
  readonly source: string;

  constructor(source: string, problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    const text = lines.length === 1 ? ` ${lines[0]}` : ` ${lines.length} problems\n  ${lines.join('\n  ')}`;
    super(`${source}:${text}`);
    this.source = source;
    this.problems = problems;
  }
}

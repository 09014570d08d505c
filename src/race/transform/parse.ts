import { parse, type Program } from 'acorn';
import { TransformError } from './transform-error.js';

/** Reads a module. */
export function parseModule(code: string, file: string): Program {
  try {
    return parse(code, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const at = (error as SyntaxError & { loc?: { line: number; column: number } }).loc;
    const problem = error.message.replace(/ \(\d+:\d+\)$/, '');
    throw new TransformError(file, at?.line ?? 0, (at?.column ?? 0) + 1, problem);
  }
}

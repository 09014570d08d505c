import { emitModule } from './emit-module.js';
import { emitNode } from './emit-node.js';
import { ModuleContext } from './module-context.js';
import { parseModule } from './parse.js';
import { Positions } from './positions.js';
import type { RawSourceMap } from './source-map.js';
import { isTypeScript, stripTypes } from './strip-types.js';

/** Where the source map of the code is: not that of the result. */
const SOURCE_MAP_COMMENT = /\n\/\/# sourceMappingURL=[^\n]*\s*$/;

export interface TransformOptions {
  /** Name of the file: for errors, and to tell TypeScript. */
  readonly file: string;
  /** The file that reports name, when the code was made from another one; default `file`. */
  readonly originalFile?: string | undefined;
  /** How the code was made from that file. */
  readonly inputMap?: RawSourceMap | undefined;
  /** What transformed code imports as the runtime; default `gfp/race/runtime`. */
  readonly runtime?: string | undefined;
  /** Whether all plain accesses in it are deliberate races; default false. */
  readonly marked?: boolean | undefined;
}

export interface Transformed {
  readonly code: string;
  readonly map: RawSourceMap;
  /** Places at which shared memory may be reached. */
  readonly sites: number;
}

/**
 * Makes a module explorable: each function gets a twin, a generator that can pause before each shared access, and
 * reports its accesses itself when it is called as it is.
 *
 * @throws TransformError for code that cannot be explored as it stands
 */
export function transformSource(code: string, options: TransformOptions): Transformed {
  const { file, originalFile = file, runtime = 'gfp/race/runtime', marked = false } = options;
  // A comment instead of a hash bang, which would not be at the start any more.
  let source = code.replace(/^#!/, '//').replace(SOURCE_MAP_COMMENT, '');
  let { inputMap } = options;
  if (isTypeScript(file)) {
    const stripped = stripTypes(source, file);
    source = stripped.code;
    inputMap = stripped.map;
  }
  const program = parseModule(source, file);
  const positions = new Positions(source, inputMap);
  const module = new ModuleContext(program, source, originalFile, positions, marked, emitNode);
  const text = emitModule(program, module, runtime, originalFile);
  return { ...module.marks.finish(text, originalFile, positions), sites: module.sites.rows.length };
}

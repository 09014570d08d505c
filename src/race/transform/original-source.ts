import { readFileSync } from 'node:fs';
import { resolve, dirname } from 'node:path';
import type { RawSourceMap } from './source-map.js';

/** A module's text, and where it comes from. */
export interface ModuleSource {
  readonly code: string;
  /** The file that was compiled to `code`, or the file itself. */
  readonly originalFile: string;
  readonly inputMap: RawSourceMap | undefined;
  /** The text of the original file, if it is known. */
  readonly original: string | undefined;
}

const MAP_COMMENT = /\n\/\/# sourceMappingURL=([^\s'"]+\.map)\s*$/;

/** Reads a module, and the source map beside it if it names one. */
export function readModule(file: string): ModuleSource {
  const code = readFileSync(file, 'utf8');
  const inputMap = readMap(file, code);
  const source = inputMap?.sources.length === 1 ? inputMap.sources[0] : undefined;
  if (inputMap === undefined || typeof source !== 'string') {
    return { code, originalFile: file, inputMap: undefined, original: code };
  }
  const originalFile = resolve(dirname(file), inputMap.sourceRoot ?? '', source);
  return { code, originalFile, inputMap, original: inputMap.sourcesContent?.at(0) ?? undefined };
}

/** A map that is missing or unreadable is no map. */
function readMap(file: string, code: string): RawSourceMap | undefined {
  const name = MAP_COMMENT.exec(code)?.[1];
  if (name === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(resolve(dirname(file), name), 'utf8')) as RawSourceMap;
  } catch {
    return undefined;
  }
}

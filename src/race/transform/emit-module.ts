import type { ExportDefaultDeclaration, Program } from 'acorn';
import { Emission } from './emission.js';
import { emitEnded, emitStatements } from './emit-statements.js';
import { captureDeclarations } from './function-text.js';
import type { ModuleContext } from './module-context.js';

/**
 * A module: what it imports of the runtime, its sites, its statements.
 *
 * @param file what reports name
 */
export function emitModule(program: Program, module: ModuleContext, runtime: string, file: string): string {
  const e = new Emission(module, 'plain', program, '', undefined);
  const body = emitStatements(program, program.body, e);
  const own = (word: string): string => module.names.own(word);
  module.helpers.add('sites');
  const imports = [...module.helpers].map((name) => `${name} as ${own(name)}`).join(', ');
  const rows = JSON.stringify(module.sites.rows);
  let head = `import { ${imports} } from ${JSON.stringify(runtime)};`;
  // `var`: in a circle of imports, functions may be called before this line has been reached.
  head += `var ${own('b')} = ${own('sites')}(${JSON.stringify(file)}, ${rows});`;
  for (const [name, text] of module.helperFunctions) head += `var ${own(name)} = ${text};`;
  return head + captureDeclarations(program, module, false) + e.tempDeclaration() + body;
}

export function emitExportDefault(node: ExportDefaultDeclaration, e: Emission): string {
  const { declaration } = node;
  const text =
    e.copy(node.start, declaration.start) + e.emit(declaration) + e.copy(declaration.end, node.end);
  const isDeclaration = declaration.type === 'FunctionDeclaration' || declaration.type === 'ClassDeclaration';
  return isDeclaration ? text : emitEnded(node, text, e);
}

import type { AnyNode, ModuleDeclaration, Statement } from 'acorn';
import type { Emission } from './emission.js';
import { twinDefinition } from './function-text.js';

/**
 * The statements between the braces of a block. Functions that are declared there get their twins first of all, since
 * they can be called from the start.
 *
 * @param block the node whose text is around them
 */
export function emitStatements(
  block: AnyNode,
  statements: readonly (Statement | ModuleDeclaration)[],
  e: Emission,
): string {
  let text = definitions(statements, e);
  let at = block.type === 'Program' ? block.start : block.start + 1;
  let end = block.type === 'Program' ? block.end : block.end - 1;
  if (block.type === 'StaticBlock') at = statements.at(0)?.start ?? end;
  end = Math.max(at, end);
  for (const statement of statements) {
    text += e.copy(at, statement.start) + e.emit(statement);
    at = statement.end;
  }
  return text + e.copy(at, end);
}

/** Ties the functions declared in a list of statements to their twins. */
export function definitions(statements: readonly (Statement | ModuleDeclaration)[], e: Emission): string {
  let text = '';
  for (const statement of statements) {
    const isExport =
      statement.type === 'ExportNamedDeclaration' || statement.type === 'ExportDefaultDeclaration';
    const declared = isExport ? statement.declaration : statement;
    if (declared?.type === 'FunctionDeclaration') {
      text += twinDefinition(declared, declared.id?.name ?? e.module.names.own('default'), e);
    }
  }
  return text;
}

/** A statement that the source may end without a semicolon: what follows may start with a parenthesis now. */
export function emitEnded(node: AnyNode, text: string, e: Emission): string {
  return e.module.source[node.end - 1] === ';' ? text : `${text};`;
}

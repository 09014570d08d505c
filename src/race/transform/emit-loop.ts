import type {
  AnyNode,
  DoWhileStatement,
  ForInStatement,
  ForOfStatement,
  ForStatement,
  Pattern,
  WhileStatement,
} from 'acorn';
import { childrenOf, isFunction } from './ast.js';
import type { Emission } from './emission.js';
import { emitWhole } from './emit-arguments.js';
import { emitUpdate } from './emit-assign.js';
import { mayBeShared } from './known.js';

export type Loop = DoWhileStatement | ForInStatement | ForOfStatement | ForStatement | WhileStatement;

/** A loop. If it may reach shared memory, each iteration of its twin starts by telling so. */
export function emitLoop(node: Loop, e: Emission): string {
  const before = e.points;
  const head = emitHead(node, e);
  const body = e.emit(node.body);
  const tail = node.type === 'DoWhileStatement' ? `while (${e.emit(node.test)});` : '';
  if (!e.isTwin || e.points === before) return `${head} ${body} ${tail}`;
  const id = e.module.sites.numberOf(node, e.functionName);
  const point = e.point('loop', `${e.module.names.own('b')} + ${id}, ${isCounting(node)}`);
  return `${head} { ${e.mark(node.start)}${point}; ${body} } ${tail}`;
}

function emitHead(node: Loop, e: Emission): string {
  const start = e.mark(node.start);
  switch (node.type) {
    case 'DoWhileStatement':
      return `${start}do`;
    case 'WhileStatement':
      return `${start}while (${e.emit(node.test)})`;
    case 'ForStatement':
      return `${start}for (${emitInit(node.init, e)}; ${node.test ? e.emit(node.test) : ''}; ${emitVoid(node.update, e)})`;
    case 'ForInStatement':
      return `${start}for (${emitLeft(node.left, e)} in ${e.emit(node.right)})`;
    case 'ForOfStatement':
      return `${start}for ${node.await ? 'await ' : ''}(${emitLeft(node.left, e)} of ${emitWhole(node.right, e)})`;
  }
}

function emitInit(node: ForStatement['init'], e: Emission): string {
  if (!node) return '';
  return node.type === 'VariableDeclaration' ? e.splice(node) : emitVoid(node, e);
}

/** An expression whose value nobody wants. */
export function emitVoid(node: AnyNode | null | undefined, e: Emission): string {
  if (!node) return '';
  return node.type === 'UpdateExpression' ? emitUpdate(node, e, false) : e.emit(node);
}

function emitLeft(node: ForOfStatement['left'], e: Emission): string {
  if (node.type === 'VariableDeclaration') return e.splice(node);
  if (assignsElement(node, e)) {
    e.module.refuse(
      node,
      'a loop that assigns to an element: declare a variable in the loop and assign that',
    );
  }
  return node.type === 'MemberExpression' ? e.splice(node) : e.emit(node);
}

function assignsElement(node: Pattern, e: Emission): boolean {
  if (node.type === 'MemberExpression') return mayBeShared(e, node);
  if (node.type === 'Identifier') return false;
  return childrenOf(node).some((child) => child.type === 'MemberExpression' && mayBeShared(e, child));
}

/** Whether an iteration changes a variable in a way that two iterations are not the same as one. */
function isCounting(node: AnyNode): boolean {
  if (node.type === 'ForOfStatement' || node.type === 'ForInStatement') return true;
  if (node.type === 'UpdateExpression' && node.argument.type === 'Identifier') return true;
  if (node.type === 'AssignmentExpression' && node.left.type === 'Identifier') {
    const { operator, left } = node;
    if (operator === '=' ? mentions(node.right, left.name) : !/^(?:&&|\|\||\?\?)/.test(operator)) return true;
  }
  return childrenOf(node).some((child) => !isFunction(child) && isCounting(child));
}

function mentions(node: AnyNode, name: string): boolean {
  if (node.type === 'Identifier') return node.name === name;
  return childrenOf(node).some((child) => mentions(child, name));
}

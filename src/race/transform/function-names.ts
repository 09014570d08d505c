import type { AnyNode, Program } from 'acorn';
import { childrenOf, type FunctionNode, isFunction } from './ast.js';

/** The names of functions: their own, or what they get from what they are assigned to; `Class.method` for methods. */
export function functionNames(program: Program): Map<FunctionNode, string> {
  const names = new Map<FunctionNode, string>();
  const name = (node: AnyNode | null | undefined, given: AnyNode | null | undefined, prefix = ''): void => {
    if (!node || !isFunction(node)) return;
    const text = given ? textOf(given) : undefined;
    if (text !== undefined) names.set(node, prefix + text);
  };
  const visit = (node: AnyNode, className: string): void => {
    let inner = className;
    if (isFunction(node)) name(node, node.id);
    else if (node.type === 'VariableDeclarator') name(node.init, node.id);
    else if (node.type === 'AssignmentExpression') name(node.right, node.left);
    else if (node.type === 'AssignmentPattern') name(node.right, node.left);
    else if (node.type === 'Property' && !node.computed) name(node.value, node.key);
    else if (node.type === 'PropertyDefinition' && !node.computed) name(node.value, node.key);
    else if (node.type === 'MethodDefinition' && !node.computed) name(node.value, node.key, className);
    else if (node.type === 'ClassDeclaration' || node.type === 'ClassExpression') {
      inner = node.id ? `${node.id.name}.` : '';
    }
    for (const child of childrenOf(node)) visit(child, inner);
  };
  visit(program, '');
  return names;
}

function textOf(node: AnyNode): string | undefined {
  if (node.type === 'Identifier') return node.name;
  if (node.type === 'PrivateIdentifier') return `#${node.name}`;
  return node.type === 'Literal' ? String(node.value) : undefined;
}

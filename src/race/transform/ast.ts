import type {
  AnonymousFunctionDeclaration,
  AnyNode,
  ArrowFunctionExpression,
  FunctionDeclaration,
  FunctionExpression,
  Identifier,
  Pattern,
} from 'acorn';

export type FunctionNode =
  FunctionDeclaration | AnonymousFunctionDeclaration | FunctionExpression | ArrowFunctionExpression;

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

const NONE: readonly AnyNode[] = [];
/** Found once for each node: every pass asks. */
const CHILDREN = Symbol('children');

/** The nodes right below one, in the order of the source. */
export function childrenOf(node: AnyNode): readonly AnyNode[] {
  if (node.type === 'Identifier' || node.type === 'Literal') return NONE;
  const asked: AnyNode & { [CHILDREN]?: readonly AnyNode[] | undefined } = node;
  return (asked[CHILDREN] ??= findChildren(node));
}

function findChildren(node: AnyNode): readonly AnyNode[] {
  const children: AnyNode[] = [];
  for (const value of Object.values(node) as unknown[]) {
    if (typeof value !== 'object' || value === null) continue;
    if (Array.isArray(value)) {
      for (const element of value as unknown[]) if (isNode(element)) children.push(element);
    } else if (isNode(value)) {
      children.push(value);
    }
  }
  if (children.length === 0) return NONE;
  for (let i = 1; i < children.length; i++) {
    if (children[i - 1].start > children[i].start) return children.sort((a, b) => a.start - b.start);
  }
  return children;
}

export function isFunction(node: AnyNode): node is FunctionNode {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression'
  );
}

/** Whether a twin is possible at all: async functions and generators of the user stay as they are. */
export function isPlainFunction(node: AnyNode): node is FunctionNode {
  return isFunction(node) && !node.async && !node.generator;
}

/** The variables that a pattern assigns. */
export function targetsOf(pattern: Pattern): Identifier[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        targetsOf(property.type === 'Property' ? property.value : property.argument),
      );
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element ? targetsOf(element) : []));
    case 'RestElement':
      return targetsOf(pattern.argument);
    case 'AssignmentPattern':
      return targetsOf(pattern.left);
    case 'MemberExpression':
      return [];
  }
}

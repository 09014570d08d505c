import type { AnyNode, Property } from 'acorn';
import { childrenOf, isFunction, isPlainFunction } from './ast.js';
import type { Emission } from './emission.js';
import { functionText, twinText } from './function-text.js';

/** A property of an object literal or of a pattern. */
export function emitProperty(node: Property, e: Emission): string {
  const { key, value } = node;
  if (node.shorthand) {
    const text = e.emit(value);
    return value.type === 'Identifier' && value.name === 'arguments' && e.thisText !== undefined
      ? `arguments: ${text}`
      : text;
  }
  if (!isFunction(value) || (!node.method && node.kind === 'init')) {
    const head = node.computed
      ? e.copy(node.start, key.start) + e.emit(key) + e.copy(key.end, value.start)
      : e.copy(node.start, value.start);
    return head + e.emit(value) + e.copy(value.end, node.end);
  }
  const { parameters, body } = functionText(value, 'plain', undefined, e.module);
  const keyText = node.computed ? `[${e.emit(key)}]` : e.copy(key.start, key.end);
  const prefix = e.module.source.slice(node.start, key.start).replace(/\[\s*$/, '');
  const plain = `${prefix}${keyText}${parameters} ${body}`;
  // `super` of a method in an object literal cannot be reached from elsewhere: such a method has no twin.
  if (!isPlainFunction(value) || node.kind !== 'init' || usesSuper(value.body)) return plain;
  const twin = twinText(value, undefined, e.module);
  if (twin === undefined) return plain;
  const method = node.computed ? 'method' : keyText;
  const access = key.type === 'Identifier' || node.computed ? `.${method}` : `[${method}]`;
  const name = key.type === 'Identifier' && !node.computed ? e.module.names.twin(key.name) : '';
  const generator = `function* ${name}${twin.parameters} ${twin.body}`;
  return `${keyText}: ${e.helper('def')}({ ${method}${parameters} ${body} }${access}, ${generator})`;
}

function usesSuper(node: AnyNode): boolean {
  if (node.type === 'Super') return true;
  return childrenOf(node).some(
    (child) => (!isFunction(child) || child.type === 'ArrowFunctionExpression') && usesSuper(child),
  );
}

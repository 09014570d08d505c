import type { AnyNode, MemberExpression } from 'acorn';
import type { Emission } from './emission.js';
import { isAtomicOperation } from './emit-atomics.js';
import { hasTwin } from './function-text.js';
import { globalName, isSimple, mayBeShared, propertyName } from './known.js';

/** An element `object[key]` whose parts have been evaluated. */
export interface Place {
  /** Expressions that evaluate them, each followed by a comma. */
  readonly before: string;
  readonly object: string;
  readonly key: string;
  readonly temps: readonly string[];
}

/**
 * Evaluates the parts of `object[key]`.
 *
 * @param later what is evaluated between that and the access
 */
export function place(e: Emission, node: MemberExpression, later: readonly AnyNode[]): Place {
  const temps: string[] = [];
  let before = '';
  const part = (child: AnyNode, after: readonly AnyNode[]): string => {
    const text = e.emit(child);
    if (isSimple(e, child, after)) return text;
    const temp = e.temp();
    temps.push(temp);
    before += `${temp} = ${inList(child, text)}, `;
    return temp;
  };
  const object = part(node.object, [node.property, ...later]);
  const key = part(node.property, later);
  return { before, object, key, temps };
}

/** The text of an expression where a comma would end it. */
export function inList(node: AnyNode, text: string): string {
  return node.type === 'SequenceExpression' ? `(${text})` : text;
}

/** The point before a read or a write. */
export function accessPoint(e: Emission, kind: 'rd' | 'wr', args: string): string {
  return e.point(e.module.isMarked && e.isTwin ? `${kind}Marked` : kind, args);
}

/** A member expression whose value is wanted. */
export function emitMember(node: MemberExpression, e: Emission): string {
  if (node.object.type === 'Super') return emitSuperMember(node, e);
  if (globalName(e, node.object) === 'Atomics') refuseAtomicsValue(node, e);
  if (!mayBeShared(e, node)) return emitPrivateMember(node, e);
  const { before, object, key, temps } = place(e, node, []);
  const point = accessPoint(e, 'rd', `${object}, ${key}, ${e.site(node)}`);
  e.release(temps);
  return `(${before}${e.mark(node.start)}${point}, ${object}[${key}])`;
}

/** An operation of Atomics that is not called on the spot would be called out of sight. */
function refuseAtomicsValue(node: MemberExpression, e: Emission): void {
  const name = propertyName(node);
  if (node.computed || (name !== undefined && isAtomicOperation(name))) {
    const text = e.module.source.slice(node.start, node.end);
    e.module.refuse(node, `${text} as a value: write Atomics.name(...) wherever it is called`);
  }
}

/** A private method that is taken as a value takes its twin along. */
function emitPrivateMember(node: MemberExpression, e: Emission): string {
  const { object, property } = node;
  if (node.computed) return e.splice(node);
  const dot = e.copy(object.end, property.start);
  const text = e.copy(node.start, object.start) + e.emit(object) + dot + e.copy(property.start, node.end);
  if (property.type !== 'PrivateIdentifier' || !isSimple(e, object, [])) return text;
  const method = e.module.scopes.privateMethodOf(property);
  if (method === undefined || !hasTwin(method.value, e.module)) return text;
  return `${e.helper('def')}(${text}, ${e.emit(object)}.#${e.module.names.twin(property.name)})`;
}

/** `super.name` has no meaning in the twin of an arrow: the method around it hands it in. */
function emitSuperMember(node: MemberExpression, e: Emission): string {
  if (e.thisText === undefined) return e.splice(node);
  const key =
    node.property.type === 'Identifier' && !node.computed ? `'${node.property.name}'` : e.emit(node.property);
  return `${e.mark(node.start)}${e.module.names.own('super')}(${key})`;
}

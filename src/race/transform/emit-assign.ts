import type {
  AnyNode,
  ArrayPattern,
  AssignmentExpression,
  Expression,
  MemberExpression,
  ObjectPattern,
  Pattern,
  UpdateExpression,
} from 'acorn';
import { targetsOf } from './ast.js';
import type { Emission } from './emission.js';
import { accessPoint, inList, place } from './emit-access.js';
import { isPrivateValue, isSimple, mayBeShared } from './known.js';

/** `target = value` and its relatives. */
export function emitAssignment(node: AssignmentExpression, e: Emission): string {
  const { left, operator } = node;
  if (left.type === 'ArrayPattern' || left.type === 'ObjectPattern') return emitDestructuring(node, left, e);
  if (left.type !== 'MemberExpression' || !mayBeShared(e, left)) return emitPrivateAssignment(node, e);
  if (operator === '=') return emitStore(node, left, e);
  if (operator === '&&=' || operator === '||=' || operator === '??=') return emitLogicalStore(node, left, e);
  const { before, object, key, temps } = place(e, left, [node.right]);
  const value = e.temp();
  const site = e.site(node);
  const read = accessPoint(e, 'rd', `${object}, ${key}, ${site}`);
  const right = e.emit(node.right);
  const write = accessPoint(e, 'wr', `${object}, ${key}, ${value}, ${site}`);
  e.release([...temps, value]);
  const at = e.mark(node.start);
  const result = `${value} = ${object}[${key}] ${operator.slice(0, -1)} (${right})`;
  return `(${before}${at}${read}, ${result}, ${at}${write}, ${object}[${key}] = ${value})`;
}

function emitStore(node: AssignmentExpression, left: MemberExpression, e: Emission): string {
  const { before, object, key, temps } = place(e, left, [node.right]);
  const right = e.emit(node.right);
  const isReady = isSimple(e, node.right, []);
  const value = isReady ? right : e.temp();
  const evaluate = isReady ? '' : `${value} = ${inList(node.right, right)}, `;
  const point = accessPoint(e, 'wr', `${object}, ${key}, ${value}, ${e.site(node)}`);
  e.release(isReady ? temps : [...temps, value]);
  return `(${before}${evaluate}${e.mark(node.start)}${point}, ${object}[${key}] = ${value})`;
}

function emitLogicalStore(node: AssignmentExpression, left: MemberExpression, e: Emission): string {
  const { before, object, key, temps } = place(e, left, [node.right]);
  const value = e.temp();
  const site = e.site(node);
  const read = accessPoint(e, 'rd', `${object}, ${key}, ${site}`);
  const right = e.emit(node.right);
  const write = accessPoint(e, 'wr', `${object}, ${key}, ${value}, ${site}`);
  e.release([...temps, value]);
  const at = e.mark(node.start);
  const store = `(${value} = (${right}), ${at}${write}, ${object}[${key}] = ${value})`;
  return `(${before}${at}${read}, (${value} = ${object}[${key}]) ${node.operator.slice(0, -1)} ${store})`;
}

/** To a variable or to `o.name`, which no view has. */
function emitPrivateAssignment(node: AssignmentExpression, e: Emission): string {
  const { left } = node;
  if (left.type !== 'MemberExpression') return e.splice(node);
  const target = e.copy(node.start, left.start) + emitTarget(left, e);
  return target + e.copy(left.end, node.right.start) + e.emit(node.right) + e.copy(node.right.end, node.end);
}

/** A member expression as the target of an assignment, without a point: its parts are evaluated, it is not read. */
export function emitTarget(node: MemberExpression, e: Emission): string {
  if (node.object.type === 'Super' && e.thisText !== undefined) {
    e.module.refuse(node, 'an arrow function assigns to super: assign in the method itself');
  }
  return e.splice(node);
}

/** `view[index]++`: a read and a write. */
export function emitUpdate(node: UpdateExpression, e: Emission, isValueUsed: boolean): string {
  const { argument } = node;
  if (argument.type !== 'MemberExpression') return e.splice(node);
  if (!mayBeShared(e, argument)) {
    const target = emitTarget(argument, e);
    return e.copy(node.start, argument.start) + target + e.copy(argument.end, node.end);
  }
  const { before, object, key, temps } = place(e, argument, []);
  const value = e.temp();
  const isOldWanted = isValueUsed && !node.prefix;
  const old = isOldWanted ? e.temp() : '';
  const site = e.site(node);
  const read = accessPoint(e, 'rd', `${object}, ${key}, ${site}`);
  const write = accessPoint(e, 'wr', `${object}, ${key}, ${value}, ${site}`);
  e.release(isOldWanted ? [...temps, value, old] : [...temps, value]);
  // The operator itself tells numbers from BigInts.
  const step = isOldWanted ? `${old} = ${value}${node.operator}` : `${value}${node.operator}`;
  const at = e.mark(node.start);
  const store = `${object}[${key}] = ${value}${isOldWanted ? `, ${old}` : ''}`;
  return `(${before}${at}${read}, ${value} = ${object}[${key}], ${step}, ${at}${write}, ${store})`;
}

/** What a pattern takes apart: taking a view apart reads it. */
export function emitPatternSource(pattern: Pattern, source: Expression, e: Emission): string {
  const text = inList(source, e.emit(source));
  if (!readsElements(pattern) || isPrivateValue(e, source)) return text;
  return `${e.helper('iter')}(${text}, ${e.site(source)})`;
}

/** Whether a pattern may read elements of what it is given. */
export function readsElements(pattern: Pattern): boolean {
  if (pattern.type === 'ArrayPattern') return true;
  if (pattern.type === 'AssignmentPattern') return readsElements(pattern.left);
  if (pattern.type !== 'ObjectPattern') return false;
  return pattern.properties.some(
    (property) => property.type === 'RestElement' || property.computed || property.key.type === 'Literal',
  );
}

function emitDestructuring(
  node: AssignmentExpression,
  left: ArrayPattern | ObjectPattern,
  e: Emission,
): string {
  const elements = sharedTargets(left, e);
  const source = emitPatternSource(left, node.right, e);
  if (elements.length === 0) return `${e.emit(left)} = ${source}`;
  const assigned = targetsOf(left).map((target) => e.module.scopes.bindingOf(target));
  const temps: string[] = [];
  const stand = new Map<AnyNode, string>();
  let stores = '';
  for (const element of elements) {
    const parts = [element.object, element.property];
    for (const part of parts) {
      const isSafe =
        isSimple(e, part, []) && !assigned.some((b) => b !== undefined && assignsTo(part, b.name));
      if (!isSafe) {
        e.module.refuse(
          element,
          'this target of a destructuring assignment must be a variable indexed by a variable or number that the pattern does not assign',
        );
      }
    }
    const value = e.temp();
    temps.push(value);
    stand.set(element, value);
    const { object, key } = place(e, element, []);
    const point = accessPoint(e, 'wr', `${object}, ${key}, ${value}, ${e.site(element)}`);
    stores += `, ${e.mark(element.start)}${point}, ${object}[${key}] = ${value}`;
  }
  const whole = e.temp();
  const pattern = withStandIns(left, stand, e);
  e.release([...temps, whole]);
  return `(${whole} = ${source}, ${pattern} = ${whole}${stores}, ${whole})`;
}

function assignsTo(part: AnyNode, name: string): boolean {
  return part.type === 'Identifier' && part.name === name;
}

/** The elements that a pattern assigns and that may be shared. */
function sharedTargets(pattern: Pattern, e: Emission): MemberExpression[] {
  switch (pattern.type) {
    case 'MemberExpression':
      return mayBeShared(e, pattern) ? [pattern] : [];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        sharedTargets(property.type === 'Property' ? property.value : property.argument, e),
      );
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element ? sharedTargets(element, e) : []));
    case 'RestElement':
      return sharedTargets(pattern.argument, e);
    case 'AssignmentPattern':
      return sharedTargets(pattern.left, e);
    case 'Identifier':
      return [];
  }
}

/** A pattern with variables in the place of elements. */
function withStandIns(pattern: Pattern, stand: ReadonlyMap<AnyNode, string>, e: Emission): string {
  const emitted = e.module.standIns;
  for (const [node, name] of stand) emitted.set(node, name);
  const text = e.emit(pattern);
  for (const node of stand.keys()) emitted.delete(node);
  return text;
}

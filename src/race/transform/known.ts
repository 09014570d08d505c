import type { AnyNode, Expression, MemberExpression, Super } from 'acorn';
import { childrenOf, targetsOf } from './ast.js';
import type { Binding } from './binding.js';
import type { Emission } from './emission.js';

/** Globals whose functions and methods never lead back into transformed code, but for callbacks. */
const NATIVE = new Set(
  `Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean Buffer DataView Date Error EvalError Float32Array
  Float64Array Function Int16Array Int32Array Int8Array Intl JSON Map Math Number Object Promise Proxy RangeError
  ReferenceError Reflect RegExp Set SharedArrayBuffer String Symbol SyntaxError TypeError URL Uint16Array Uint32Array
  Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet clearInterval clearTimeout console decodeURIComponent
  encodeURIComponent isFinite isNaN parseFloat parseInt performance process queueMicrotask setImmediate setInterval
  setTimeout structuredClone`.split(/\s+/),
);

/** Globals whose functions look at all elements of what they are given. */
const WHOLE = new Set(['Array', 'Buffer', 'JSON', 'Object', 'Reflect', 'structuredClone']);

/** The same for constructors. */
const WHOLE_CONSTRUCTORS = /^(?:(?:Big)?(?:Int|Uint|Float)\d+(?:Clamped)?Array|Array|Map|Set|Blob)$/;

/** Constructors of objects that are no views. */
const PRIVATE_CONSTRUCTORS = /^(?:Array|Map|Set|WeakMap|WeakSet|Date|RegExp|.*Error)$/;

/** Methods of views and DataViews that reach their memory. */
const VIEW_METHOD =
  /^(?:entries|every|filter|find|findIndex|findLast|findLastIndex|forEach|map|reduce|reduceRight|some|values|fill|copyWithin|set|slice|at|with|indexOf|lastIndexOf|includes|join|reverse|sort|toReversed|toSorted|toString|toLocaleString|[gs]et(?:Big)?(?:Int|Uint|Float)\d+)$/;

/** The name of a global that the module does not shadow. */
export function globalName(e: Emission, node: AnyNode): string | undefined {
  if (node.type !== 'Identifier') return undefined;
  return e.module.scopes.bindingOf(node) === undefined ? node.name : undefined;
}

/** The global `G` in the callee `G(...)` or `G.method(...)`, if it is a native one. */
export function nativeCallee(e: Emission, callee: AnyNode): string | undefined {
  const target = callee.type === 'MemberExpression' ? callee.object : callee;
  const name = globalName(e, target);
  return name !== undefined && NATIVE.has(name) ? name : undefined;
}

export function looksAtWhole(native: string): boolean {
  return WHOLE.has(native);
}

export function constructorLooksAtWhole(e: Emission, callee: AnyNode): boolean {
  return WHOLE_CONSTRUCTORS.test(globalName(e, callee) ?? '');
}

export function isViewMethod(name: string): boolean {
  return VIEW_METHOD.test(name);
}

/** The name in `o.name`; undefined for `o[key]` and `o.#name`. */
export function propertyName(node: MemberExpression): string | undefined {
  return !node.computed && node.property.type === 'Identifier' ? node.property.name : undefined;
}

/** Whether `o[key]` may reach shared memory. */
export function mayBeShared(e: Emission, node: MemberExpression): boolean {
  if (!node.computed || node.object.type === 'Super') return false;
  return !isPropertyKey(e, node.property) && !isPrivateValue(e, node.object);
}

/** A key that names no element. */
function isPropertyKey(e: Emission, key: AnyNode): boolean {
  if (key.type === 'Literal') return typeof key.value === 'string' && !/^\d+$/.test(key.value);
  return key.type === 'MemberExpression' && globalName(e, key.object) === 'Symbol';
}

/** Whether an expression is known to give no view. */
export function isPrivateValue(e: Emission, node: Expression | Super): boolean {
  switch (node.type) {
    case 'ArrayExpression':
    case 'ObjectExpression':
    case 'TemplateLiteral':
    case 'Literal':
      return true;
    case 'NewExpression':
      return PRIVATE_CONSTRUCTORS.test(globalName(e, node.callee) ?? '');
    case 'CallExpression':
      return isPrivateCall(e, node.callee);
    case 'Identifier': {
      const binding = e.module.scopes.bindingOf(node);
      if (binding === undefined) return node.name === 'arguments';
      if (binding.assignments > 0) return false;
      return binding.isRest || (binding.init !== undefined && isPrivateValue(e, binding.init));
    }
    default:
      return false;
  }
}

function isPrivateCall(e: Emission, callee: AnyNode): boolean {
  if (callee.type !== 'MemberExpression') return false;
  const global = globalName(e, callee.object);
  const name = propertyName(callee);
  if (global === 'Array') return true;
  if (global === 'Object') return name === 'keys' || name === 'values' || name === 'entries';
  return name === 'split';
}

/** Whether a variable keeps its value until the end of the expression, unless that assigns it. */
function isSteady(e: Emission, binding: Binding): boolean {
  if (binding.kind === 'import') return false;
  return binding.assignments === 0 || (binding.owner === e.owner && !binding.assignedElsewhere);
}

/**
 * Whether an expression can be evaluated again after `later` has been, with the same result and for nothing: a literal,
 * `this`, or a variable that nothing in between assigns.
 */
export function isSimple(e: Emission, node: AnyNode, later: readonly AnyNode[]): boolean {
  if (node.type === 'ThisExpression') return true;
  if (node.type === 'Literal') return typeof node.value !== 'object' || node.value === null;
  if (node.type !== 'Identifier') return false;
  const binding = e.module.scopes.bindingOf(node);
  if (binding === undefined) return node.name === 'undefined';
  if (!isSteady(e, binding)) return false;
  return binding.assignments === 0 || !later.some((other) => assigns(e, other, binding));
}

/** Whether evaluating a node assigns a variable of the same function. */
export function assigns(e: Emission, node: AnyNode, binding: Binding): boolean {
  switch (node.type) {
    case 'Identifier':
    case 'Literal':
    case 'ThisExpression':
      return false;
    case 'AssignmentExpression':
      if (targetsOf(node.left).some((target) => e.module.scopes.bindingOf(target) === binding)) return true;
      break;
    case 'UpdateExpression':
      if (node.argument.type === 'Identifier' && e.module.scopes.bindingOf(node.argument) === binding)
        return true;
      break;
    default:
  }
  return childrenOf(node).some((child) => assigns(e, child, binding));
}

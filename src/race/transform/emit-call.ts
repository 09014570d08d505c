import type { AnyNode, CallExpression, Expression, MemberExpression, SpreadElement, Super } from 'acorn';
import { isPlainFunction } from './ast.js';
import type { Emission } from './emission.js';
import { inList } from './emit-access.js';
import { type Arguments, emitArguments, emitWhole } from './emit-arguments.js';
import { emitAtomics, isAtomicOperation } from './emit-atomics.js';
import { hasTwin, twinFunction } from './function-text.js';
import { globalName, isSimple, isViewMethod, looksAtWhole, nativeCallee, propertyName } from './known.js';

/** What is called, evaluated. */
export interface Callee {
  /** Expressions that evaluate it, each followed by a comma. */
  readonly before: string;
  /** The function. */
  readonly fn: string;
  /** The value of `this`; undefined for none. */
  readonly self: string | undefined;
  /** The name of the method, where it is known. */
  readonly name: string | undefined;
  readonly temps: readonly string[];
}

type Given = readonly (Expression | SpreadElement)[];

/** `f(...)`, in every form but those that contain `?.`. */
export function emitCall(node: CallExpression, e: Emission): string {
  const { callee } = node;
  if (callee.type === 'Super') {
    if (e.thisText !== undefined)
      e.module.refuse(node, 'super() in an arrow function: call it in the constructor');
    return e.splice(node);
  }
  if (callee.type === 'MemberExpression' && globalName(e, callee.object) === 'Atomics') {
    const name = propertyName(callee);
    if (name !== undefined && isAtomicOperation(name)) return emitAtomics(node, name, e);
    return e.splice(node);
  }
  const native = nativeCallee(e, callee);
  if (native !== undefined) return emitNativeCall(node, callee, native, e);
  if (!e.isTwin) return emitPlainCall(node, callee, e);
  return emitKnownCall(node, callee, e) ?? emitUnknownCall(node, callee, e);
}

function emitNativeCall(node: CallExpression, callee: Expression, native: string, e: Emission): string {
  const first = node.arguments.at(0);
  if (!looksAtWhole(native) || first === undefined || first.type === 'SpreadElement') return e.splice(node);
  return callWithWhole(node, callee, first, e);
}

/** A call whose first argument is looked at as a whole by native code. */
function callWithWhole(node: CallExpression, callee: Expression, first: Expression, e: Emission): string {
  const rest = node.arguments.slice(1).map((argument) => inList(argument, e.emit(argument)));
  return `${e.splice(callee)}(${[emitWhole(first, e), ...rest].join(', ')})`;
}

/** A call in plain mode goes to the plain function, as written; methods of views are reported. */
function emitPlainCall(node: CallExpression, callee: Expression, e: Emission): string {
  const name = callee.type === 'MemberExpression' ? propertyName(callee) : undefined;
  const first = node.arguments.at(0);
  if (name === 'decode' && first !== undefined && first.type !== 'SpreadElement') {
    return callWithWhole(node, callee, first, e);
  }
  if (callee.type !== 'MemberExpression' || name === undefined || !isViewMethod(name))
    return spliceCall(node, e);
  return emitUnknownCall(node, callee, e);
}

/** The call as written: a computed callee is not a read of shared memory. */
function spliceCall(node: CallExpression, e: Emission): string {
  const { callee } = node;
  const target =
    callee.type === 'MemberExpression' && callee.object.type !== 'Super' ? e.splice(callee) : e.emit(callee);
  if (callee.type === 'MemberExpression' && callee.object.type === 'Super' && e.thisText !== undefined) {
    return emitUnknownCall(node, callee, e);
  }
  let text = e.copy(node.start, callee.start) + target;
  let at = callee.end;
  for (const argument of node.arguments) {
    text += e.copy(at, argument.start) + e.emit(argument);
    at = argument.end;
  }
  return text + e.copy(at, node.end);
}

/** A call in a twin of a function that is known here. */
function emitKnownCall(node: CallExpression, callee: Expression | Super, e: Emission): string | undefined {
  if (callee.type === 'MemberExpression' && callee.property.type === 'PrivateIdentifier') {
    return emitPrivateCall(node, callee, e);
  }
  if (isPlainFunction(callee) && !(callee.type === 'FunctionExpression' && callee.id)) {
    const fn = twinFunction(callee, e);
    return fn === undefined ? undefined : delegate(node, `(${fn})`, '', node.arguments, e);
  }
  if (callee.type !== 'Identifier') return undefined;
  const binding = e.module.scopes.bindingOf(callee);
  if (binding?.function === undefined || binding.assignments > 0) return undefined;
  if (!hasTwin(binding.function, e.module)) return spliceCall(node, e);
  // The twin of an exported function may be replaced by that of another: such a call asks for it.
  const isFixed = binding.kind === 'function' && !binding.isExported;
  const text = e.emit(callee);
  const twin = isFixed ? e.mark(callee.start) + e.module.names.twin(callee.name) : `${text}.$r`;
  return delegate(node, twin, '', node.arguments, e);
}

/** `yield* twin(...)`. */
function delegate(node: AnyNode, twin: string, self: string, given: Given, e: Emission): string {
  e.points++;
  const args = given.map((argument) => inList(argument, e.emit(argument)));
  if (self !== '') args.unshift(self);
  return `(yield* ${twin}(${args.join(', ')})${e.mark(node.start)})`;
}

function emitPrivateCall(node: CallExpression, callee: MemberExpression, e: Emission): string | undefined {
  if (callee.property.type !== 'PrivateIdentifier' || callee.object.type === 'Super') return undefined;
  const method = e.module.scopes.privateMethodOf(callee.property);
  if (method === undefined || !isPlainFunction(method.value)) return undefined;
  if (!hasTwin(method.value, e.module)) return spliceCall(node, e);
  const object = e.copy(callee.start, callee.object.start) + e.emit(callee.object);
  const dot = e.copy(callee.object.end, callee.property.start);
  return delegate(
    node,
    `${object}${dot}#${e.module.names.twin(callee.property.name)}`,
    '',
    node.arguments,
    e,
  );
}

/** A call of a function that has a twin or has not. */
function emitUnknownCall(node: CallExpression, callee: Expression, e: Emission): string {
  if (callee.type === 'MemberExpression') {
    const object = callee.object.type === 'Super' ? '' : e.emit(callee.object);
    return finishCall(node, node.arguments, methodCallee(callee, object, node.arguments, e), e);
  }
  if (callee.type === 'ChainExpression' && callee.expression.type === 'MemberExpression') {
    e.module.refuse(node, 'a call of (a?.b): write a?.b()');
  }
  const text = e.emit(callee);
  return finishCall(node, node.arguments, functionCallee(callee, text, node.arguments, e), e);
}

/** Evaluates the function of `f(...)`. */
export function functionCallee(callee: Expression, text: string, given: Given, e: Emission): Callee {
  if (isSimple(e, callee, given))
    return { before: '', fn: text, self: undefined, name: undefined, temps: [] };
  const fn = e.temp();
  const before = `${fn} = ${inList(callee, text)}, `;
  return { before, fn, self: undefined, name: undefined, temps: [fn] };
}

/** Evaluates the receiver and the function of `object.method(...)`; `object` is the text of the receiver. */
export function methodCallee(callee: MemberExpression, object: string, given: Given, e: Emission): Callee {
  const fn = e.temp();
  const name = propertyName(callee);
  if (callee.object.type === 'Super') {
    const before = `${fn} = ${e.emit(callee)}, `;
    return { before, fn, self: e.thisText ?? 'this', name: undefined, temps: [fn] };
  }
  const key = callee.computed ? [callee.property] : [];
  let self = object;
  let before = '';
  const temps = [fn];
  if (!isSimple(e, callee.object, [...key, ...given])) {
    self = e.temp();
    temps.push(self);
    before = `${self} = ${inList(callee.object, object)}, `;
  }
  const property = callee.computed
    ? `[${e.emit(callee.property)}]`
    : `.${e.copy(callee.property.start, callee.property.end)}`;
  return { before: `${before}${fn} = ${self}${property}, `, fn, self, name, temps };
}

/** The call itself, after the callee has been evaluated. */
export function finishCall(
  node: AnyNode,
  given: Given,
  callee: Callee,
  e: Emission,
  strings?: string,
): string {
  const args = emitArguments(given, e);
  const texts = strings === undefined ? args.texts : [strings, ...args.texts];
  const at = e.mark(node.type === 'CallExpression' ? positionOf(node) : node.start);
  const before = `${callee.before}${args.before}${at}`;
  const text = e.isTwin
    ? twinCall(node, callee, { ...args, texts }, e)
    : nativePath(node, callee, { ...args, texts }, e);
  e.release([...callee.temps, ...args.temps]);
  return `(${before}${text})`;
}

/** Where engines say that a call stands. */
function positionOf(node: CallExpression): number {
  return node.callee.type === 'MemberExpression' ? node.callee.property.start : node.start;
}

function twinCall(node: AnyNode, { fn, self, name }: Callee, args: Arguments, e: Emission): string {
  const twin = e.temp();
  e.release([twin]);
  e.points++;
  const list = args.texts.join(', ');
  const receiver = self === undefined ? '' : list === '' ? self : `${self}, ${list}`;
  const native = nativePath(node, { before: '', fn, self, name, temps: [] }, args, e);
  if (self === undefined) {
    // A call of what is no function is left to fail by itself.
    const look = `(${twin} = ${fn} == null ? ${fn}() : ${fn}.$r)`;
    return `${look} === undefined ? ${native} : yield* ${twin}(${list})`;
  }
  if (name === 'call' || name === 'apply' || name === 'bind')
    return twinOfTarget(name, fn, self, list, twin, native, e);
  const look = `(${twin} = ${fn} == null ? ${missing(self, name, fn)} : ${fn}.$r)`;
  return `${look} === undefined ? ${native} : yield* ${twin}.call(${receiver})`;
}

/** What fails as the engine does it when a method does not exist. */
function missing(self: string, name: string | undefined, fn: string): string {
  return name === undefined ? `${fn}()` : `${self}.${name}()`;
}

/** `f.call(...)`, `f.apply(...)`, `f.bind(...)` of functions with a twin; or methods that only have such a name. */
function twinOfTarget(
  name: string,
  fn: string,
  self: string,
  list: string,
  twin: string,
  native: string,
  e: Emission,
): string {
  const look = `(${twin} = ${fn} === Function.prototype.${name} ? ${self}.$r : ${fn} == null ? ${self}.${name}() : ${fn}.$r)`;
  const own = `yield* ${twin}.call(${list === '' ? self : `${self}, ${list}`})`;
  const other =
    name === 'bind'
      ? `${e.helper('def')}(${self}.bind(${list}), ${twin}.bind(${list}))`
      : `yield* ${twin}.${name}(${list})`;
  return `${look} === undefined ? ${native} : ${fn} === Function.prototype.${name} ? ${other} : ${own}`;
}

/** The call of a function without a twin. */
function nativePath(node: AnyNode, { fn, self, name }: Callee, args: Arguments, e: Emission): string {
  const list = args.texts.join(', ');
  if (self === undefined) return `${fn}(${list})`;
  const call = `${fn}.call(${list === '' ? self : `${self}, ${list}`})`;
  if (name === 'decode' && args.texts.length > 0) {
    return `(${e.helper('iter')}(${args.texts[0]}, ${e.site(node)}), ${call})`;
  }
  if (name === undefined || !isViewMethod(name)) return call;
  return `(${e.point('mth', `${self}, '${name}', [${list}], ${e.site(node)}`)}, ${call})`;
}

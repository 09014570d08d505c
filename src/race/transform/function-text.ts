import type { AnyNode } from 'acorn';
import { childrenOf, type FunctionNode, isFunction, isPlainFunction } from './ast.js';
import { Emission, type Mode, type ThisText } from './emission.js';
import { emitParameters } from './emit-parameters.js';
import { emitStatements } from './emit-statements.js';
import type { ModuleContext } from './module-context.js';

/** A function in one mode. */
export interface FunctionText {
  /** With the parentheses. */
  readonly parameters: string;
  /** With the braces; of a plain arrow it may be an expression in parentheses. */
  readonly body: string;
  /** Scheduling points, and calls that may have some. */
  readonly points: number;
}

/** What a function is called in reports. */
export function labelOf(fn: FunctionNode, module: ModuleContext): string {
  return module.functionNames.get(fn) ?? '(anonymous)';
}

/** How the twin of an arrow in `e` names the `this` around it. */
export function arrowThis(e: Emission): string {
  return e.thisText ?? e.module.names.own('this') + (e.isDerivedConstructor ? '()' : '');
}

/** The text of a function. Made once, used wherever the function stands. */
export function functionText(
  fn: FunctionNode,
  mode: Mode,
  thisText: ThisText,
  module: ModuleContext,
  isDerived = false,
): FunctionText {
  const known = module.functionTexts.get(fn) ?? new Map<string, FunctionText>();
  module.functionTexts.set(fn, known);
  const key = `${mode} ${thisText}`;
  let text = known.get(key);
  if (text === undefined) {
    text = makeText(fn, new Emission(module, mode, fn, labelOf(fn, module), thisText), isDerived);
    known.set(key, text);
  }
  return text;
}

function makeText(fn: FunctionNode, e: Emission, isDerived: boolean): FunctionText {
  e.isDerivedConstructor = isDerived;
  const { list, statements } = emitParameters(fn, e);
  const parameters = `(${list})`;
  const { body } = fn;
  if (body.type !== 'BlockStatement') {
    const value = e.emit(body);
    const isConcise = fn.type === 'ArrowFunctionExpression' && !e.isTwin && !e.usesTemps && statements === '';
    const text = isConcise ? `(${value})` : `{${e.tempDeclaration()}${statements} return (${value}); }`;
    return { parameters, body: text, points: e.points };
  }
  const text = emitStatements(body, body.body, e);
  const inner = statements === '' ? text : `${statements} {${text}}`;
  const captures = fn.type === 'ArrowFunctionExpression' ? '' : captureDeclarations(fn, e.module, isDerived);
  return {
    parameters,
    body: `{${captures}${e.tempDeclaration()}${inner}${e.mark(body.end - 1)}}`,
    points: e.points,
  };
}

/** What the twins of arrows in a function need from it. */
export function captureDeclarations(owner: AnyNode, module: ModuleContext, isDerived: boolean): string {
  const captures = module.scopes.capturesOf(owner);
  const own = (word: string): string => module.names.own(word);
  let text = '';
  // In a derived constructor there is no `this` before super() has returned.
  if (captures.this) text += `const ${own('this')} = ${isDerived ? '() => this' : 'this'};`;
  if (captures.arguments) text += `const ${own('arguments')} = arguments;`;
  if (captures.super) text += `const ${own('super')} = (key) => super[key];`;
  if (captures.newTarget) text += `const ${own('newTarget')} = new.target;`;
  return text;
}

/** Whether a function has a twin. While that is being made, it will have one: it calls itself. */
export function hasTwin(fn: FunctionNode, module: ModuleContext): boolean {
  if (!isPlainFunction(fn)) return false;
  const thisText = fn.type === 'ArrowFunctionExpression' ? module.names.own('this') : undefined;
  return module.inProgress.has(fn) || twinText(fn, thisText, module) !== undefined;
}

/** The twin of a function; undefined when it has none: then it reaches nothing shared, or cannot pause. */
export function twinText(
  fn: FunctionNode,
  thisText: ThisText,
  module: ModuleContext,
): FunctionText | undefined {
  if (!isPlainFunction(fn)) return undefined;
  if (fn.type === 'ArrowFunctionExpression' && callsSuperConstructor(fn)) return undefined;
  const isOutermost = !module.inProgress.has(fn);
  module.inProgress.add(fn);
  const text = functionText(fn, 'twin', thisText, module);
  if (isOutermost) module.inProgress.delete(fn);
  return text.points === 0 ? undefined : text;
}

/** The twin of a function expression or arrow as a generator function expression. */
export function twinFunction(fn: FunctionNode, e: Emission): string | undefined {
  const thisText = fn.type === 'ArrowFunctionExpression' ? arrowThis(e) : undefined;
  const twin = twinText(fn, thisText, e.module);
  return twin && `function* ${twinName(fn, e.module)}${twin.parameters} ${twin.body}`;
}

function twinName(fn: FunctionNode, module: ModuleContext): string {
  const name = fn.id?.name ?? module.functionNames.get(fn) ?? '';
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? module.names.twin(name) : '';
}

/** A function expression or arrow with its twin. */
export function emitFunction(fn: FunctionNode, e: Emission): string {
  const twin = twinFunction(fn, e);
  const plain = plainFunction(fn, e);
  if (twin === undefined) return plain;
  const def = e.helper('def');
  if (fn.type === 'FunctionExpression' && fn.id) {
    // In the twin, too, the function's own name means the function.
    const name = fn.id.name;
    return `(() => { const ${name} = ${def}(${plain}, ${twin}); return ${name}; })()`;
  }
  const name = e.module.functionNames.get(fn);
  const isNamed = name !== undefined && !name.includes('.') && !name.includes('#') && name !== '__proto__';
  // An argument gets no name from what the call's result is assigned to; a property does.
  const named = isNamed ? `({ ${JSON.stringify(name)}: ${plain} })[${JSON.stringify(name)}]` : plain;
  return `${def}(${named}, ${twin})`;
}

function plainFunction(fn: FunctionNode, e: Emission): string {
  const isArrow = fn.type === 'ArrowFunctionExpression';
  const { parameters, body } = functionText(
    fn,
    'plain',
    isArrow ? e.thisText : undefined,
    e.module,
    isArrow && e.isDerivedConstructor,
  );
  const async = fn.async ? 'async ' : '';
  const start = e.mark(fn.start);
  if (isArrow) return `${start}${async}${parameters} => ${body}`;
  return `${start}${async}function${fn.generator ? '*' : ''} ${fn.id?.name ?? ''}${parameters} ${body}`;
}

/** A function declaration, with its twin beside it. */
export function emitFunctionDeclaration(fn: FunctionNode, name: string, e: Emission): string {
  const { module } = e;
  const twin = twinText(fn, undefined, module);
  const { parameters, body } = functionText(fn, 'plain', undefined, module);
  const head = `${fn.async ? 'async ' : ''}function${fn.generator ? '*' : ''}`;
  const plain = `${e.mark(fn.start)}${head} ${name}${parameters} ${body}`;
  if (twin === undefined) return plain;
  return `${plain} ${e.mark(fn.start)}function* ${module.names.twin(name)}${twin.parameters} ${twin.body}`;
}

/** What ties a declared function to its twin, as a statement for the start of the block. */
export function twinDefinition(fn: FunctionNode, name: string, e: Emission): string {
  if (!hasTwin(fn, e.module)) return '';
  return `${e.helper('def')}(${name}, ${e.module.names.twin(name)});`;
}

function callsSuperConstructor(node: AnyNode): boolean {
  if (node.type === 'CallExpression' && node.callee.type === 'Super') return true;
  return childrenOf(node).some(
    (child) =>
      (!isFunction(child) || child.type === 'ArrowFunctionExpression') && callsSuperConstructor(child),
  );
}

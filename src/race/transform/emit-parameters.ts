import type { AnyNode, Pattern } from 'acorn';
import { childrenOf, type FunctionNode, isFunction, targetsOf } from './ast.js';
import type { Emission } from './emission.js';
import { readsElements } from './emit-assign.js';

/** Parameters: the text in the parentheses, and statements that finish them in the body. */
export interface Parameters {
  readonly list: string;
  readonly statements: string;
}

/**
 * A generator cannot pause in its parameters, and they cannot use variables of the body. So parameters that need one of
 * these become statements of the body.
 */
export function emitParameters(fn: FunctionNode, e: Emission): Parameters {
  const before = e.points;
  const texts = fn.params.map((parameter) => e.emit(parameter));
  if (e.points === before && !e.usesTemps && !fn.params.some(readsElements)) {
    return { list: texts.join(', '), statements: '' };
  }
  const isVar = redeclares(fn);
  const names: string[] = [];
  let statements = '';
  fn.params.forEach((parameter, i) => {
    const name = e.module.names.own(`p${i}`);
    const isRest = parameter.type === 'RestElement';
    // A default keeps the function's length.
    names.push(isRest ? `...${name}` : parameter.type === 'AssignmentPattern' ? `${name} = undefined` : name);
    statements += `${isVar ? 'var' : 'let'} ${declaration(parameter, texts[i], name, e)};`;
  });
  return { list: names.join(', '), statements };
}

function declaration(parameter: Pattern, text: string, name: string, e: Emission): string {
  const whole = (pattern: Pattern): string =>
    readsElements(pattern) ? `${e.helper('iter')}(${name}, ${e.site(pattern)})` : name;
  if (parameter.type === 'RestElement') return `${e.emit(parameter.argument)} = ${name}`;
  if (parameter.type !== 'AssignmentPattern') return `${text} = ${whole(parameter)}`;
  const left = e.emit(parameter.left);
  return `${left} = ${name} === undefined ? (${e.emit(parameter.right)}) : ${whole(parameter.left)}`;
}

/** Whether the body declares one of the parameters again, which only `var` may. */
function redeclares(fn: FunctionNode): boolean {
  const names = new Set(fn.params.flatMap(targetsOf).map(({ name }) => name));
  const declares = (node: AnyNode): boolean => {
    if (node.type === 'VariableDeclaration' && node.kind === 'var') {
      if (node.declarations.some(({ id }) => targetsOf(id).some(({ name }) => names.has(name)))) return true;
    }
    return childrenOf(node).some((child) => !isFunction(child) && declares(child));
  };
  return declares(fn.body);
}

import type { Expression, SpreadElement } from 'acorn';
import type { Emission } from './emission.js';
import { inList } from './emit-access.js';
import { isPrivateValue, isSimple } from './known.js';

export interface Arguments {
  /** Expressions that evaluate them, each followed by a comma. */
  readonly before: string;
  /** What to write in the parentheses, any number of times. */
  readonly texts: readonly string[];
  readonly temps: readonly string[];
}

/** Evaluates the arguments of a call. */
export function emitArguments(given: readonly (Expression | SpreadElement)[], e: Emission): Arguments {
  if (given.some((argument) => argument.type === 'SpreadElement')) return emitSpread(given, e);
  const temps: string[] = [];
  let before = '';
  const texts = given.map((argument, i) => {
    const text = e.emit(argument);
    if (isSimple(e, argument, given.slice(i + 1))) return text;
    const temp = e.temp();
    temps.push(temp);
    before += `${temp} = ${inList(argument, text)}, `;
    return temp;
  });
  return { before, texts, temps };
}

function emitSpread(given: readonly (Expression | SpreadElement)[], e: Emission): Arguments {
  const list = given.map((argument) => inList(argument, e.emit(argument))).join(', ');
  const temp = e.temp();
  return { before: `${temp} = [${list}], `, texts: [`...${temp}`], temps: [temp] };
}

/** `...values`: spreading a view reads it. */
export function emitSpreadElement(node: SpreadElement, e: Emission): string {
  return `...${emitWhole(node.argument, e)}`;
}

/** An expression whose value is looked at as a whole, out of sight. */
export function emitWhole(node: Expression, e: Emission): string {
  const text = inList(node, e.emit(node));
  return isPrivateValue(e, node) ? text : `${e.helper('iter')}(${text}, ${e.site(node)})`;
}

import type {
  AnyNode,
  Class,
  ClassBody,
  ClassDeclaration,
  ClassExpression,
  MethodDefinition,
  PropertyDefinition,
  StaticBlock,
} from 'acorn';
import { Emission } from './emission.js';
import { emitEnded, emitStatements } from './emit-statements.js';
import { captureDeclarations, functionText, twinText } from './function-text.js';

/**
 * The twin of a method is a method beside it, so that `super` and private names mean the same in it. A static block
 * at the start of the class ties it to the method and takes it out of the class again.
 */
export function emitClass(
  node: ClassDeclaration | ClassExpression | (AnyNode & { type: 'ClassDeclaration' }),
  e: Emission,
): string {
  const isDerived = Boolean(node.superClass);
  const { body } = node;
  const elements = body.body.map((element, i) => emitElement(element, i, isDerived, e));
  const ties = elements.map(({ tie }) => tie).join('');
  let text = '';
  let at = body.start + 1;
  body.body.forEach((element, i) => {
    text += e.copy(at, element.start) + elements[i].text;
    at = element.end;
  });
  const block = ties === '' ? '' : ` static {${ties}}`;
  return `${emitHead(node, body, e)}{${block}${text}${e.copy(at, body.end)}`;
}

function emitHead(node: AnyNode & Class, body: ClassBody, e: Emission): string {
  const { id, superClass } = node;
  let text = '';
  let at = node.start;
  for (const part of [id, superClass]) {
    if (!part) continue;
    text += e.copy(at, part.start) + e.emit(part);
    at = part.end;
  }
  return text + e.copy(at, body.start);
}

interface ElementText {
  readonly text: string;
  readonly tie: string;
}

function emitElement(
  element: MethodDefinition | PropertyDefinition | StaticBlock,
  index: number,
  isDerived: boolean,
  e: Emission,
): ElementText {
  if (element.type === 'StaticBlock') return { text: emitStaticBlock(element, e), tie: '' };
  if (element.type === 'PropertyDefinition') return { text: emitField(element, e), tie: '' };
  return emitMethod(element, index, isDerived, e);
}

function emitStaticBlock(node: StaticBlock, outer: Emission): string {
  const e = new Emission(outer.module, 'plain', node, outer.functionName, undefined);
  const text = emitStatements(node, node.body, e);
  return `static {${captureDeclarations(node, e.module, false)}${e.tempDeclaration()}${text}}`;
}

/** A field. Its initialiser runs in the constructor, where nothing can pause. */
function emitField(node: PropertyDefinition, outer: Emission): string {
  const key = emitKey(node, node.value?.start ?? node.end, outer);
  if (!node.value) return emitEnded(node, key, outer);
  const e = new Emission(outer.module, 'plain', node, outer.functionName, undefined);
  const value = e.emit(node.value);
  const captures = e.module.scopes.capturesOf(node);
  const text = `${value}${e.copy(node.value.end, node.end)}`;
  if (!e.usesTemps && !captures.this) return emitEnded(node, key + text, outer);
  const declarations = captureDeclarations(node, e.module, false) + e.tempDeclaration();
  return `${key}(() => {${declarations} return (${value}); })();`;
}

/** The source of an element up to an offset, with its key. */
function emitKey(node: MethodDefinition | PropertyDefinition, end: number, e: Emission): string {
  if (!node.computed) return e.copy(node.start, end);
  return e.copy(node.start, node.key.start) + e.emit(node.key) + e.copy(node.key.end, end);
}

function emitMethod(node: MethodDefinition, index: number, isDerived: boolean, e: Emission): ElementText {
  const { module } = e;
  const { key, value } = node;
  const isConstructor = node.kind === 'constructor';
  const plain = functionText(value, 'plain', undefined, module, isConstructor && isDerived);
  const body = `${plain.parameters} ${plain.body}`;
  const twin = node.kind === 'method' ? twinText(value, undefined, module) : undefined;
  if (twin === undefined) return { text: emitKey(node, value.start, e) + body, tie: '' };
  const isPrivate = key.type === 'PrivateIdentifier';
  const label = key.type === 'Identifier' && !node.computed ? key.name : `method${index}`;
  const name = isPrivate ? `#${module.names.twin(key.name)}` : module.names.twin(label);
  const twinMethod = `${e.mark(node.start)}${node.static ? 'static ' : ''}*${name}${twin.parameters} ${twin.body}`;
  if (isPrivate) return { text: `${emitKey(node, value.start, e)}${body} ${twinMethod}`, tie: '' };
  const owner = node.static ? 'this' : 'this.prototype';
  let head = emitKey(node, value.start, e);
  let access = key.type === 'Identifier' ? `.${key.name}` : `[${e.copy(key.start, key.end)}]`;
  if (node.computed) {
    // Evaluated once, and kept for the static block.
    const kept = e.temp();
    head = `${e.copy(node.start, key.start)}${kept} = (${e.emit(key)})${e.copy(key.end, value.start)}`;
    access = `[${kept}]`;
  }
  const tie = `${e.helper('def')}(${owner}${access}, ${owner}.${name}); delete ${owner}.${name};`;
  return { text: `${head}${body} ${twinMethod}`, tie };
}

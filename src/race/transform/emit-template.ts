import type { TaggedTemplateExpression } from 'acorn';
import type { Emission } from './emission.js';
import { finishCall, functionCallee, methodCallee } from './emit-call.js';
import { nativeCallee } from './known.js';

/** A tagged template in a twin: the call that it stands for, with the strings that the engine makes of it. */
export function emitTaggedTemplate(node: TaggedTemplateExpression, e: Emission): string {
  const { tag, quasi } = node;
  if (!e.isTwin || nativeCallee(e, tag) !== undefined) return e.splice(node);
  let strings = `${e.helperFunction('strings', '(strings) => strings')}\``;
  quasi.quasis.forEach((part, i) => {
    strings += (i === 0 ? '' : '${0}') + e.copy(part.start, part.end);
  });
  strings += '`';
  const given = quasi.expressions;
  const object = tag.type === 'MemberExpression' && tag.object.type !== 'Super' ? e.emit(tag.object) : '';
  const callee =
    tag.type === 'MemberExpression'
      ? methodCallee(tag, object, given, e)
      : functionCallee(tag, e.emit(tag), given, e);
  return finishCall(node, given, callee, e, strings);
}

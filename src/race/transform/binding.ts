import type { AnyNode, Expression } from 'acorn';
import type { FunctionNode } from './ast.js';

export type BindingKind =
  'const' | 'let' | 'var' | 'param' | 'function' | 'class' | 'import' | 'catch' | 'own name';

/** A name that a module declares. */
export interface Binding {
  readonly name: string;
  readonly kind: BindingKind;
  /** The function in which it lives: a function, Program, StaticBlock, or PropertyDefinition. */
  readonly owner: AnyNode;
  /** How often it is declared: `var` and functions may be declared twice. */
  declarations: number;
  /** Assignments after its declaration. */
  assignments: number;
  /** Whether another function than its owner assigns it. */
  assignedElsewhere: boolean;
  /** What it is declared to be. */
  init: Expression | undefined;
  /** The function that it names. */
  function: FunctionNode | undefined;
  isExported: boolean;
  /** Whether it is `...rest`. */
  isRest: boolean;
}

/** What a function that is no arrow has to keep for the twins of arrows in it. */
export interface Captures {
  this: boolean;
  arguments: boolean;
  super: boolean;
  newTarget: boolean;
}

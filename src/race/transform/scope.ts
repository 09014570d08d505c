import type { AnyNode } from 'acorn';
import type { Binding } from './binding.js';

/** A region of the source in which names are declared. */
export class Scope {
  readonly parent: Scope | undefined;
  /** The function, Program, StaticBlock or PropertyDefinition around it. */
  readonly owner: AnyNode;
  readonly bindings = new Map<string, Binding>();

  constructor(parent: Scope | undefined, owner: AnyNode) {
    this.parent = parent;
    this.owner = owner;
  }

  declare(name: string, kind: Binding['kind'], details: Partial<Binding> = {}): void {
    // `var` belongs to the function, and may repeat a parameter or itself.
    const scope = kind === 'var' ? this.functionScope() : this;
    const found = scope.bindings.get(name);
    if (found !== undefined) {
      found.declarations++;
      found.assignments++;
      return;
    }
    scope.bindings.set(name, {
      name,
      kind,
      owner: scope.owner,
      declarations: 1,
      assignments: 0,
      assignedElsewhere: false,
      init: undefined,
      function: undefined,
      isExported: false,
      isRest: false,
      ...details,
    });
  }

  lookUp(name: string): Binding | undefined {
    return this.bindings.get(name) ?? this.parent?.lookUp(name);
  }

  private functionScope(): Scope {
    const { parent, owner } = this;
    return parent?.owner === owner ? parent.functionScope() : this;
  }
}

import type { AnyNode } from 'acorn';
import { childrenOf } from './ast.js';

/** Names for what the transform adds to a module: none that the module has. */
export class Names {
  private readonly used = new Set<string>();
  private readonly prefix: string;

  constructor(program: AnyNode) {
    const collect = (node: AnyNode): void => {
      if (node.type === 'Identifier' || node.type === 'PrivateIdentifier') this.used.add(node.name);
      for (const child of childrenOf(node)) collect(child);
    };
    collect(program);
    let prefix = '$';
    while ([...this.used].some((name) => name.startsWith(prefix) && name.length > prefix.length))
      prefix += '$';
    this.prefix = prefix;
  }

  /** A name of the transform's own, the same for the same word. */
  own(word: string): string {
    return this.prefix + word;
  }

  /** A name for the twin of a function. */
  twin(name: string): string {
    let twin = `${name}$r`;
    while (this.used.has(twin)) twin += '$';
    return twin;
  }
}

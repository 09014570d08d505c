import type { LoadHook, ResolveFnOutput, ResolveHook } from 'node:module';
import { loaded, resolved, resolveFrom, sourceSpecifier } from './hooks.js';

/** The hooks where Node runs them in a thread of their own. */

export const resolve: ResolveHook = async (specifier, context, nextResolve): Promise<ResolveFnOutput> => {
  const { parentURL } = context;
  const from = { ...context, parentURL: resolveFrom(specifier, parentURL) };
  try {
    return resolved(await nextResolve(specifier, from), parentURL);
  } catch (error) {
    const source = sourceSpecifier(specifier, parentURL);
    if (source === undefined) throw error;
    return resolved(await nextResolve(source, from), parentURL);
  }
};

export const load: LoadHook = (url, context, nextLoad) => loaded(url) ?? nextLoad(url, context);

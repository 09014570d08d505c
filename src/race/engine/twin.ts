/** A function and its twin: the same code as a generator, which pauses before accesses to shared memory. */
export interface Twinned {
  $r?: (...args: never[]) => Generator<undefined, unknown, undefined>;
}

/** Gives a function its twin. */
export function def<F extends object>(
  f: F,
  twin: (...args: never[]) => Generator<undefined, unknown, undefined>,
): F {
  (f as Twinned).$r = twin;
  return f;
}

/** The twin of a function that has one. */
export function twinOf(
  f: object,
): ((...args: never[]) => Generator<undefined, unknown, undefined>) | undefined {
  return (f as Twinned).$r;
}

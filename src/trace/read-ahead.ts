/**
 * The same values, but the next one is already being made while the consumer works on the current one. At most one
 * is made ahead.
 *
 * @param source what makes the values; it is ended when the consumer ends early
 * @throws whatever the source throws, when its turn comes
 */
export async function* readAhead<Value>(source: AsyncGenerator<Value, void>): AsyncGenerator<Value, void> {
  let next = source.next();
  try {
    while (true) {
      const current = await next;
      if (current.done === true) return;
      next = source.next();
      // The error is thrown by the await above; until then, or if the consumer stops, nobody else looks at it.
      next.catch(() => {});
      yield current.value;
    }
  } finally {
    await source.return();
  }
}

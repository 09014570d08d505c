/**
 * Does something with each item, several at a time, and gives the results in the order of the items as soon as they are
 * there. A failure of one ends it all, once those before it have been given.
 *
 * @param limit how many are under way or wait to be given
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item>,
  limit: number,
  action: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const waiting: Promise<Result>[] = [];
  for (const item of items) {
    const first = waiting.length >= limit ? waiting.shift() : undefined;
    if (first !== undefined) yield await first;
    const result = action(item);
    // Whoever waits for it hears of it; nobody may be left to.
    result.catch(() => undefined);
    waiting.push(result);
  }
  for (const result of waiting) yield await result;
}

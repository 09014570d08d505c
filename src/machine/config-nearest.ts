/**
 * The name that somebody who wrote `word` most likely meant: the one with the fewest letters changed, added or
 * left out, not counting upper and lower case.
 *
 * @param names not empty
 */
export function nearestName(word: string, names: readonly string[]): string {
  let best = names[0];
  let fewest = Infinity;
  for (const name of names) {
    const changes = editDistance(word.toLowerCase(), name.toLowerCase());
    if (changes < fewest) [best, fewest] = [name, changes];
  }
  return best;
}

/** Levenshtein's distance: letters to change, add or leave out to come from `a` to `b`. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1] + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column] + 1, current[column - 1] + 1));
    }
    previous = current;
  }
  return previous[b.length];
}

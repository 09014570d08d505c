/** Longest list that a range such as `0-9` may stand for. */
const MAX_RANGE = 1024;

/**
 * Reads a list of numbers such as `0,3,9` or `0-9` or both.
 *
 * @param what the option, for messages
 * @returns ascending, each once
 * @throws RangeError that says what would be right
 */
export function parseNumberList(text: string, what: string, min: number, max: number): number[] {
  const numbers = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    // A part that is no number is NaN, which is not within anything.
    if (!(first >= min && last <= max && first <= last && last - first < MAX_RANGE)) {
      const right = `numbers from ${min} to ${max}, such as ${min},${min + 1} or ${min}-${min + 2}`;
      throw new RangeError(`${what} ${text}: '${part.trim()}' is wrong; right are ${right}`);
    }
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

/**
 * Reads a list of names such as `bulk,remote`.
 *
 * @returns in the order of `names`, each once
 * @throws RangeError that says what would be right
 */
export function parseNameList<Name extends string>(
  text: string,
  what: string,
  names: readonly Name[],
): Name[] {
  const given = text.split(',').map((part) => part.trim());
  const wrong = given.find((part) => !names.some((name) => name === part));
  if (wrong !== undefined) {
    throw new RangeError(`${what} ${text}: there is no '${wrong}'; right are ${names.join(', ')}`);
  }
  return names.filter((name) => given.includes(name));
}

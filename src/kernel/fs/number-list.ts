/**
 * Numbers as the kernel writes a CPU or node list (`%*pbl`): `0-2,5`; empty for none.
 *
 * @param numbers ascending
 */
export function numberList(numbers: readonly number[]): string {
  const ranges: string[] = [];
  for (let i = 0; i < numbers.length; i++) {
    const first = numbers[i];
    while (i + 1 < numbers.length && numbers[i + 1] === numbers[i] + 1) i++;
    ranges.push(first === numbers[i] ? String(first) : `${first}-${numbers[i]}`);
  }
  return ranges.join(',');
}

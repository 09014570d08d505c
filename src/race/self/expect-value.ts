/** Fails the execution if something is not what it has to be. */
export function expectValue(what: string, actual: number, wanted: number): void {
  if (actual !== wanted) throw new Error(`${what} is ${actual}, not ${wanted}`);
}

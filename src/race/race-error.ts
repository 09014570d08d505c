/** Something is wrong with what was asked of the explorer: a scenario, an option, a token. */
export class RaceUsageError extends Error {
  override name = 'RaceUsageError';
}

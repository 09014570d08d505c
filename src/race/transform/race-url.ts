/** What in a URL says that the module is to be transformed, and with which patches. */
const PARAMETER = 'race';

/** The key in a URL, if it has one. */
export function keyOf(url: string | undefined): string | undefined {
  if (!url?.startsWith('file:') || !url.includes(`${PARAMETER}=`)) return undefined;
  return new URL(url).searchParams.get(PARAMETER) ?? undefined;
}

/** The same URL with a key. */
export function withKey(url: string | URL, key: string): string {
  const result = new URL(url);
  result.searchParams.set(PARAMETER, key);
  return result.href;
}

/** Why a pseudo file could not be read or written: a negative errno. */
export const ENOENT = 2;
export const ENOMEM = 12;
export const EACCES = 13;
export const EINVAL = 22;

const NAMES: Readonly<Record<number, string>> = {
  [ENOENT]: 'ENOENT',
  [ENOMEM]: 'ENOMEM',
  [EACCES]: 'EACCES',
  [EINVAL]: 'EINVAL',
};

/** A pseudo file that does not exist, may not be written, or was written with a value that makes no sense or needs too much. */
export class FileError extends Error {
  override name = 'FileError';
  /** Negative, as the system call would return it. */
  readonly errno: number;
  readonly path: string;

  /**
   * @param path as the caller gave it
   * @param errno one of the constants above
   * @param reason what is wrong, and what would be right
   */
  constructor(path: string, errno: number, reason: string) {
    super(`${path}: ${reason} (-${NAMES[errno] ?? String(errno)})`);
    this.errno = -errno;
    this.path = path;
  }
}

import { userInfo } from 'node:os';

const longestName = 63;

/** The operator's name for one who gave none: that of the user of this machine, in the letters that names have. */
export function defaultOperatorName(user: string = userName()): string {
  const name = user
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .replace(/-+$/, '')
    .slice(0, longestName);
  return name === '' ? 'operator' : name;
}

/** A container may run as a user that has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

import { pbkdf2Sync, randomBytes } from 'node:crypto';

const iterations = 101;

export interface HashedPassword {
  /** Base64. */
  readonly hash: string;
  /** Base64. */
  readonly salt: string;
  readonly iterations: number;
}

/** As Mosquitto keeps a password: PBKDF2 with SHA-512. */
export function hashPassword(password: string): HashedPassword {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, iterations, 64, 'sha512');
  return { hash: hash.toString('base64'), salt: salt.toString('base64'), iterations };
}

/** A line of a `password_file`. */
export function passwordLine(user: string, password: string): string {
  const { hash, salt } = hashPassword(password);
  return `${user}:$7$${iterations}$${salt}$${hash}\n`;
}

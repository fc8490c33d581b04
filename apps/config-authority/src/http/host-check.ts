import type { IncomingHttpHeaders } from 'node:http';
import { refuse } from './problems.ts';

/** Can only this machine reach it? */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);

/**
 * Refuses a request that was meant for another name. A page of a stranger can have its own name resolve to this
 * machine, and then reads what is served here as if it were its own (DNS rebinding): only the Host header tells.
 * Where a key is needed no browser has one, and names in front of it are not ours to know.
 */
export function requireOwnName(host: string, headers: IncomingHttpHeaders): void {
  if (!isLoopback(host)) return;
  const name = nameIn(headers.host);
  if (name !== undefined && (isLoopback(name) || name === host)) return;
  throw refuse('host_refused', `this is ${host}; ask it by that name, or as localhost`);
}

/** Refuses a change that a page of another site asks for; a reading it could not see the answer of. */
export function requireOwnPage({ origin, host, ...headers }: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site'];
  const isFromPage = origin !== undefined || (site !== undefined && site !== 'none');
  const isOwn = site === 'same-origin' || (site === undefined && origin === `http://${host}`);
  if (isFromPage && !isOwn) throw refuse('origin_refused', 'a page of another site asked for it; nothing was changed');
}

/** `localhost:8081` → `localhost`, `[::1]:8081` → `::1`. */
function nameIn(header: string | undefined): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d*)?$/i.exec(header ?? '') ?? [];
  return (bracketed ?? plain)?.toLowerCase();
}

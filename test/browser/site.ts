import { once } from 'node:events';
import { createServer as createPlainServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { testCertificate, testKey } from '@setpoint/test-support/tls';
import type { Bundle } from './bundle.ts';

export interface Site extends AsyncDisposable {
  readonly url: string;
}

export interface SiteOptions {
  readonly scripts: Bundle;
  /** @default a page that loads `main.js` and is empty */
  readonly html?: string;
  readonly secure?: boolean;
  /** The `content-security-policy`. @default the strictest that a page can have which has a script and a connection */
  readonly policy?: string;
}

const emptyPage = '<!doctype html><title>test</title><script type="module" src="/main.js"></script>';

/** No `eval`, no worker, no inline script. */
const strictest = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src ws: wss:";

/** Serves a page and its scripts on localhost. */
export async function openSite({
  scripts,
  html = emptyPage,
  secure = false,
  policy = strictest,
}: SiteOptions): Promise<Site> {
  const answer: RequestListener = ({ url = '/' }, response) => {
    const script = scripts.get(new URL(url, 'http://localhost').pathname.slice(1));
    response.setHeader('content-security-policy', policy);
    response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript');
    response.end(script ?? html);
  };
  const server = secure
    ? createSecureServer({ cert: testCertificate, key: testKey }, answer)
    : createPlainServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${secure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { rolldown } from 'rolldown';

// Bundles the page and serves it together with the keys that it trusts. Vite, webpack and esbuild find the browser's files in the
// same way: by the `browser` condition of the packages.
const port = Number(process.env.PORT ?? 8000);
const trustedKeysFile = process.env.SETPOINT_TRUSTED_KEYS ?? 'data/trusted-keys.json';
const folder = import.meta.dirname;

const bundle = await rolldown({ input: `${folder}/main.ts`, platform: 'browser' });
const { output } = await bundle.generate({ format: 'esm', minify: true });
const scripts = new Map(output.flatMap((file) => (file.type === 'chunk' ? [[`/${file.fileName}`, file.code]] : [])));

const read = async (path: string): Promise<[type: string, body: string | Buffer]> => {
  const script = scripts.get(path);
  if (script !== undefined) return ['text/javascript', script];
  if (path === '/trusted-keys.json') return ['application/json', await readFile(trustedKeysFile)];
  return ['text/html', await readFile(`${folder}/index.html`)];
};

const server = createServer(async ({ url = '/' }, response) => {
  try {
    const [type, body] = await read(url.split('?', 1)[0] ?? url);
    response.writeHead(200, { 'content-type': type }).end(body);
  } catch (cause) {
    response.writeHead(500).end(String(cause));
  }
});
server.listen(port, () => {
  const address = server.address();
  console.log(`http://localhost:${typeof address === 'object' ? address?.port : port}/`);
});

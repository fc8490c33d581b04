// Writes docs/openapi.json: what the HTTP API says of itself. test/docs/openapi.test.ts fails when the file in the
// repository is another one.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { pino } from 'pino';
import { identifyByName } from '../apps/config-authority/src/http/caller.ts';
import { createHttpServer } from '../apps/config-authority/src/http/server.ts';

/** The document as a value. */
export async function createOpenApi(): Promise<object> {
  const { server } = createHttpServer({
    host: '127.0.0.1',
    readiness: () => ({ isReady: true, reasons: [] }),
    identify: identifyByName,
    logger: pino({ level: 'silent' }),
    maxBodyBytes: 1,
  });
  try {
    const { body } = await server.inject({ url: '/api/v1/openapi.json', headers: { host: 'localhost' } });
    return JSON.parse(body);
  } finally {
    await server.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const file = fileURLToPath(new URL('../docs/openapi.json', import.meta.url));
  const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
  writeFileSync(file, `${JSON.stringify(await createOpenApi(), null, 2)}\n`);
  // As the rest of the repository is written.
  execFileSync(process.execPath, [biome, 'format', '--write', file]);
}

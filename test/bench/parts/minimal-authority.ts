import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { smallDocument, smallSchema } from '../harness/documents.ts';
import { servePart } from '../harness/part.ts';
import { connectPlain } from '../harness/plain-client.ts';
import { openTemporaryFolder } from '../harness/temporary-folder.ts';

// The least that an authority can do: parse, one durable insert, publish, acknowledge. No signatures, no history.

const request = z.object({ id: z.string(), level: z.number().min(0).max(1) });
const stack = new AsyncDisposableStack();

servePart({
  open: async ({ url, protocolVersion }: { url: string; protocolVersion: 4 | 5 }) => {
    const folder = await openTemporaryFolder(stack);
    const db = stack.adopt(new DatabaseSync(join(folder, 'minimal.db')), (open) => open.close());
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      CREATE TABLE version (number INTEGER PRIMARY KEY, document TEXT NOT NULL)`);
    const insert = db.prepare('INSERT INTO version (document) VALUES (?)');
    const client = await connectPlain(url, { protocolVersion });
    stack.defer(() => client.endAsync(true));
    let document = smallDocument();
    client.on('message', (_, payload) => {
      const { id, level } = request.parse(JSON.parse(payload.toString()));
      document = smallSchema.parse({ ...document, vad: { ...document.vad, level } });
      const text = JSON.stringify({ id, document });
      insert.run(text);
      client.publish('minimal/snapshot', text, { qos: 1, retain: true });
      client.publish('minimal/result', JSON.stringify({ id, status: 'applied' }), { qos: 1 });
    });
    await client.subscribeAsync('minimal/request', { qos: 1 });
  },
  close: () => stack.disposeAsync(),
});

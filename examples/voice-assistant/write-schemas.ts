import { writeFile } from 'node:fs/promises';
import { schemaFile, schemaText } from './schema-files.ts';
import { schemas } from './services.ts';

// Writes the schema of every service beside its configuration file. The authority validates files and requests with it.
for (const [service, schema] of Object.entries(schemas)) {
  await writeFile(schemaFile(service), schemaText(service, schema));
  console.log(`wrote config/${service}.schema.json`);
}

import { type Change, deriveContract } from '@setpoint/client';
import type { z } from 'zod';

/** Prints a line for every pointer that a change names. Values that the schema marks as secret are not shown. */
export function createChangePrinter(service: string, schema: z.ZodType): (change: Change<unknown>) => void {
  const secrets = secretPointers(deriveContract(service, schema).schema);
  return ({ changed, previous, current, version }) => {
    for (const pointer of changed) {
      const isSecret = secrets.some(
        (secret) => `${secret}/`.startsWith(`${pointer}/`) || `${pointer}/`.startsWith(`${secret}/`),
      );
      const [before, after] = [read(previous, pointer), read(current, pointer)].map((value) =>
        isSecret ? '***' : JSON.stringify(value),
      );
      console.log(`${service}  version ${version}  ${pointer}  ${before} → ${after}`);
    }
  };
}

function secretPointers(schema: object, at = ''): string[] {
  const { 'x-secret': isSecret, properties = {} } = schema as { 'x-secret'?: boolean; properties?: object };
  if (isSecret) return [at];
  return Object.entries(properties).flatMap(([name, member]) => secretPointers(member, `${at}/${name}`));
}

function read(document: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((here, token) => (here as Record<string, unknown> | undefined)?.[token], document);
}

// Writes docs/asyncapi.yaml: channels and operations as they are listed here, payloads from the schemas that the code
// checks messages with. test/docs/asyncapi.test.ts fails when the file in the repository is another one.
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type MessageType, messageSchemas } from '@setpoint/protocol';
import { stringify } from 'yaml';
import { z } from 'zod';
import { envelopeSchema } from '../packages/protocol/src/envelope/envelope.ts';
import { fault, jsonObject, problem } from '../packages/protocol/src/message/fields.ts';
import { foundContent } from '../packages/protocol/src/message/result.ts';

type Json = Record<string, unknown>;

interface Channel {
  readonly address: string;
  readonly description: string;
  readonly message: MessageType;
  readonly senders: readonly Role[];
  readonly receivers: readonly Role[];
  readonly qos: 0 | 1;
  readonly retain: boolean;
}
type Role = 'authority' | 'instance' | 'operator';

const channels: Readonly<Record<string, Channel>> = {
  snapshot: {
    address: 'config/{service}/snapshot',
    description: 'The document of a service. An empty retained payload says that the service was deleted.',
    message: 'setpoint.snapshot.v1',
    senders: ['authority'],
    receivers: ['instance', 'authority', 'operator'],
    qos: 1,
    retain: true,
  },
  contract: {
    address: 'config/{service}/contract/{digest}',
    description: 'The JSON Schema that a build of the service was written against.',
    message: 'setpoint.contract.v1',
    senders: ['instance'],
    receivers: ['authority'],
    qos: 1,
    retain: true,
  },
  request: {
    address: 'config/{service}/request',
    description: 'What an operator asks for.',
    message: 'setpoint.request.v1',
    senders: ['operator'],
    receivers: ['authority'],
    qos: 1,
    retain: false,
  },
  result: {
    address: 'config/{service}/result/{requester}',
    description: 'What became of a request, and notices to an operator whose change was overwritten.',
    message: 'setpoint.result.v1',
    senders: ['authority'],
    receivers: ['operator'],
    qos: 1,
    retain: false,
  },
  convergence: {
    address: 'config/{service}/convergence',
    description: 'Who runs the current version of a service, and who does not yet.',
    message: 'setpoint.convergence.v1',
    senders: ['authority'],
    receivers: ['operator'],
    qos: 1,
    retain: true,
  },
  health: {
    address: 'system/health/{id}',
    description: 'What an instance, or the authority, says of itself. Its Last Will is on the same topic.',
    message: 'setpoint.health.v1',
    senders: ['authority', 'instance'],
    receivers: ['authority', 'operator'],
    qos: 1,
    retain: true,
  },
  keepalive: {
    address: 'system/keepalive/{id}',
    description: 'A sign of life every few seconds. The one of the authority is the beacon against lost messages.',
    message: 'setpoint.keepalive.v1',
    senders: ['authority', 'instance'],
    receivers: ['authority', 'instance'],
    qos: 0,
    retain: false,
  },
};

const parameters: Readonly<Record<string, string>> = {
  service: 'The name of a service: [a-z0-9][a-z0-9_-]{0,62}.',
  digest: 'The 64 hexadecimal digits of the digest of the schema, without "sha256:".',
  requester: 'The name of the operator that asked: [a-z0-9][a-z0-9_-]{0,62}.',
  id: 'The name of an instance or of the authority: [a-z0-9][a-z0-9_-]{0,62}.',
};

const summaries: Readonly<Record<MessageType, string>> = {
  'setpoint.snapshot.v1': 'One immutable, validated document of a service at one version.',
  'setpoint.contract.v1': 'The JSON Schema (2020-12) that a build of a service was written against.',
  'setpoint.request.v1': 'What an operator asks for.',
  'setpoint.result.v1': 'What became of a request.',
  'setpoint.convergence.v1': 'How many instances of a service stand where.',
  'setpoint.health.v1': 'What an instance, or the authority, says of itself.',
  'setpoint.keepalive.v1': 'A sign of life.',
};

const roles: Readonly<Record<Role, string>> = {
  authority: 'The authority decides what the configuration of every service is.',
  instance: 'An instance is one running process of a service.',
  operator: 'An operator, a person or a program, asks for changes.',
};

/** `setpoint.snapshot.v1` → `Snapshot`. */
const nameOf = (type: MessageType): string => {
  const [, word = ''] = type.split('.');
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
};

const types = Object.keys(messageSchemas) as MessageType[];
const ref = (path: string): Json => ({ $ref: `#/${path}` });
const fromEntries = <T, R>(items: readonly T[], toEntry: (item: T) => [string, R]): Record<string, R> =>
  Object.fromEntries(items.map(toEntry));

/** The document as a value. */
export function createAsyncApi(): Json {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Setpoint wire protocol',
      version: '1.0.0',
      license: { name: 'MIT' },
      description: [
        'The messages between the authority, the instances of services, and operators. The rules are in protocol.md.',
        'Addresses are relative to an optional prefix of up to three names.',
        'This file is written by scripts/write-asyncapi.ts; edit that.',
      ].join('\n'),
    },
    defaultContentType: 'application/json',
    servers: {
      broker: {
        host: 'localhost:1883',
        protocol: 'mqtt',
        description: 'Any MQTT 5 or 3.1.1 broker. Everything essential is in the payload.',
      },
    },
    channels: fromEntries(Object.entries(channels), ([name, channel]) => [name, createChannel(channel)]),
    operations: createOperations(),
    components: {
      messages: fromEntries(types, (type) => [nameOf(type), createMessage(type)]),
      schemas: createSchemas(),
    },
  };
}

function createChannel({ address, description, message }: Channel): Json {
  const names = [...address.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return {
    address,
    description,
    messages: { [nameOf(message)]: ref(`components/messages/${nameOf(message)}`) },
    parameters: fromEntries(names, (name) => [name, { description: parameters[name] }]),
  };
}

function createOperations(): Json {
  const operations = Object.entries(channels).flatMap(([name, channel]) => [
    ...channel.senders.map((role) => createOperation('send', role, name, channel)),
    ...channel.receivers.map((role) => createOperation('receive', role, name, channel)),
  ]);
  return Object.fromEntries(operations);
}

function createOperation(action: 'send' | 'receive', role: Role, name: string, channel: Channel): [string, Json] {
  const { qos, retain, message } = channel;
  const verb = action === 'send' ? 'Sends' : 'Receives';
  return [
    `${role}${verb}${nameOf(message)}`,
    {
      action,
      channel: ref(`channels/${name}`),
      title: `The ${role} ${verb.toLowerCase()} a ${message}`,
      description: roles[role],
      bindings: { mqtt: { qos, ...(action === 'send' && { retain }), bindingVersion: '0.2.0' } },
      messages: [ref(`channels/${name}/messages/${nameOf(message)}`)],
      ...(name === 'request' && action === 'receive' && { reply: { channel: ref('channels/result') } }),
    },
  ];
}

const createMessage = (type: MessageType): Json => ({
  name: type,
  title: nameOf(type),
  summary: summaries[type],
  contentType: 'application/json',
  payload: {
    schemaFormat: 'application/schema+json;version=draft-2020-12',
    schema: {
      allOf: [ref('components/schemas/Envelope')],
      type: 'object',
      properties: { type: { const: type }, data: ref(`components/schemas/${nameOf(type)}`) },
      required: ['type', 'data'],
    },
  },
});

/** What is said of a signature but not seen by the code that reads the members: it is sliced off before. */
const signature: Json = {
  type: 'string',
  pattern: '^[A-Za-z0-9_-]{1,64}\\.[A-Za-z0-9_-]{86}$',
  description: 'Always the last member: the key id, a dot, and the Ed25519 signature in base64url.',
};

/** Parts that several messages have are described once. */
const sharedParts: Readonly<Record<string, z.ZodType>> = { Fault: fault, Problem: problem, Found: foundContent };

function createSchemas(): Json {
  const registry = z.registry<{ id: string }>();
  registry.add(envelopeSchema, { id: 'Envelope' });
  for (const type of types) registry.add(messageSchemas[type], { id: nameOf(type) });
  for (const [id, part] of Object.entries(sharedParts)) registry.add(part, { id });
  const { schemas } = z.toJSONSchema(registry, {
    // Readers ignore members that they do not know.
    io: 'input',
    uri: (id) => `#/components/schemas/${id}`,
    // The one kind of value that zod has no JSON Schema for is our own check; what is not an object may be anything.
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if ((zodSchema as unknown) === jsonObject) jsonSchema.type = 'object';
    },
  });
  const envelope = withoutIds(schemas.Envelope);
  return {
    ...fromEntries(types, (type) => [nameOf(type), withoutIds(schemas[nameOf(type)])]),
    ...fromEntries(Object.keys(sharedParts), (id) => [id, withoutIds(schemas[id])]),
    Envelope: {
      ...envelope,
      properties: { ...(envelope.properties as Json), data: { type: 'object' }, signature },
    },
  };
}

function withoutIds(schema: object | undefined): Json {
  const { $schema: _schema, $id: _id, ...rest } = (schema ?? {}) as Json;
  return rest;
}

export const stringifyAsyncApi = (): string =>
  stringify(createAsyncApi(), { lineWidth: 120, aliasDuplicateObjects: false });

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(new URL('../docs/asyncapi.yaml', import.meta.url), stringifyAsyncApi());
}

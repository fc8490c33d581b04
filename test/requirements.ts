/**
 * One line per promise. A test that proves one names its id in its title; `requirements.test.ts` refuses a promise
 * that no test names and a name that no promise has.
 */
export const requirements: Readonly<Record<string, string>> = {
  'Promise-01-Snapshot-Readable':
    'What was published is what a late subscriber with any MQTT client gets: a valid CloudEvent with the full effective document, its digest, and (epoch, version).',
  'Promise-02-Live-Change':
    'A change reaches a running service without a restart, and its health shows the same version and digest.',
  'Promise-03-File-Edit':
    'A YAML edit is one new version; of twenty rapid writes the last content wins; an invalid edit leaves the old snapshot, names file, line, pointer, expected and received, and health says degraded until it is mended.',
  'Promise-04-All-Faults':
    'A request with several faults gets them all in one answer, unknown keys with the near name suggested; the version is unchanged and nothing is published.',
  'Promise-05-Expected-Version':
    'Of 20 concurrent requests with the same expectedVersion exactly one is applied; the others are conflict.',
  'Promise-06-Idempotent-Request':
    'The same request sent three times, also across a restart of the authority, is applied once.',
  'Promise-07-Kill-Authority':
    'The authority killed 50 times at random moments between request and PUBACK loses no applied request, applies none twice, and store and retained topics agree within 5 s of the restart.',
  'Promise-08-Broker-Restart':
    'With the broker restarted three times, once without its persistence, every client is back within 10 s, subscriptions and health are live, and all retained snapshots are there again.',
  'Promise-09-Service-Start':
    'A service starts with the authority down (retained snapshot), with the broker down (cache, and says so), with neither (defaults or a clear failure, as chosen), and recovers without a restart in each case.',
  'Promise-10-Handler-Throws':
    'When a handler throws, every handler keeps the old document, health has the failed version, pointer and message, convergence shows it rejected, and the next good version applies.',
  'Promise-11-Order-Table':
    'Stale, duplicate and reused versions are each treated as the order table says; a redelivery on resubscribe is a no-op.',
  'Promise-12-Beacon-Repairs': 'A live message lost in the broker is repaired by the beacon within two intervals.',
  'Promise-13-Last-Will':
    'A killed service is offline on its health topic within 1.5 times the keepalive; a late death of an old session is ignored.',
  'Promise-14-Malformed-Traffic':
    'Malformed traffic on every subscribed topic (10,000 random and near-valid messages) ends no process and costs no memory that stays.',
  'Promise-15-Graceful-Stop':
    'SIGTERM under load: exit 0 within 5 s, nothing acknowledged is lost, health says shutdown.',
  'Promise-16-Secrets-Masked': 'No secret value is in any log line, error, result, health or convergence message.',

  'Wire-01-Topics-Literal': 'Every topic is built and parsed exactly as docs/protocol.md spells it.',
  'Wire-02-Only-Known-Errors': 'No input makes opening a message throw anything but a SetpointError.',
  'Wire-03-Every-Bit-Signed':
    'A signed message with any bit changed, any byte taken from its end or any byte added is refused.',
  'Wire-04-Strict-Order': '(epoch, version) is a strict total order, and every pair of stamps has exactly one verdict.',
  'Wire-05-Golden-Vectors': 'Every golden vector gets exactly the verdict written beside it.',
  'Wire-06-Digest-Of-Content': 'The digest of a document depends on its content and not on the order of its members.',
  'Wire-07-Changed-Pointers': 'The new values at the changed pointers, put into the old document, give the new one.',
  'Wire-08-Pointer-Round-Trip': 'Every pointer that is formatted parses to the names that it was made of.',
  'Wire-09-One-Service':
    'A message speaks for one service: a key, its subject and its data can not name different ones.',
  'Wire-10-AsyncApi-Agrees':
    'The AsyncAPI document says what the code does: channels, QoS, retain, messages, payloads.',
  'Wire-11-Bounded-Size':
    'A message past the limit is refused by its writer before it is sent and by its reader unread.',
  'Wire-12-Unknown-Ignored': 'Unknown extensions and unknown members of data are ignored by readers.',
  'Wire-13-Errors-Repeat-Nothing':
    'An error about a key or a message that can not be read does not repeat its text, which may be a secret.',
};

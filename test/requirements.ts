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

  'Promise-17-Old-Retained-Repaired':
    'An instance that is given an older retained snapshot long after the change gets the present one.',

  'Operate-01-Lost-Instance':
    'Of an instance that was killed, health says what it ran last and when it was lost, and leaves out what nobody knows.',
  'Operate-02-No-Service-By-Slip': 'The command line makes no service of a misspelt name, and names the near one.',

  'Store-01-Full-Disk':
    'On a full disk the authority refuses changes with what to do, loses nothing that it applied, starts, leaves nothing half-written, and goes on when there is room.',

  'Layer-01-Precedence':
    'For one pointer the default is 5, YAML says 10, the environment 15, an operator a value above that, the command line 20; removing each uncovers the next.',
  'Layer-02-Reload-Keeps': 'A reload re-reads files and environment and never loses what operators and arguments set.',
  'Layer-03-Faults-Stop-A-Start':
    'With SETPOINT_STRICT_START a type fault stops the first start of a service, with all faults of all services listed and exit code 1.',
  'Layer-04-Environment-Typed': 'Variables are read by the types and the names of the schema, in upper or lower case.',
  'Layer-05-Includes':
    'Includes are relative, recursive and laid beneath; a diamond is fine and a circle is told with its chain.',
  'Layer-06-Merge-Key': 'Objects merge deeply, lists replace, unless the schema names a merge key.',
  'Layer-07-Variables':
    'Variables and their defaults are put in place; one that is not there is told with its place and not with a value.',
  'Layer-08-References':
    'A document follows the values of another service by a version of its own; circles are told with the chain.',
  'Layer-09-Comments-Survive': 'Comments, key order and all other lines of a YAML file survive an edit.',
  'Layer-10-Explained':
    'For now, a version or a moment: every value is explained with layer, file and line, author and version, what it hides, and whether it is hot.',
  'Layer-11-Winner-Is-Value': 'The value of the winning layer is the effective value, for any layers.',
  'Schema-01-Zod-Module':
    'A TypeScript module with a zod schema is a schema of the authority, loaded anew when it is edited.',
  'Validation-01-Organisation-Rules':
    'Rules in TypeScript and CEL, over one service or several, count from the moment their file is saved; a faulty file is passed over and told.',
  'Validation-02-Strict-And-Disabled':
    'A strict service refuses warnings; a rule can be disabled with a reason; circles between services are found.',
  'Validation-03-Forty-Faults': 'Of forty common faults at least four in five get a fix proposed.',
  'Validation-04-Fix-Never-Invalid':
    'A proposed fix applies, is never applied unasked, and one that claims to be complete makes a valid document.',
  'Validation-05-Restart-Refused':
    'A runtime update that needs a restart is refused with the places named, unless it is accepted.',
  'Version-01-Exact-Rollback': 'A rollback to any of 1,000 versions restores that content exactly.',
  'Version-02-Blame-Is-Replay': 'Blame agrees with a replay of the history.',
  'Version-03-Chain-Verified':
    'Every version carries parent, author, reason and digest; tampering with the chain is found, and retention is not taken for it.',
  'Version-04-All-Or-None': 'Activating a profile switches all services in one transaction, or none when one refuses.',
  'Version-05-Tags': 'A tag names a version that can be gone back to, whole or in part.',
  'Version-06-Drafts': 'A draft is validated and compared, and nobody runs it until it is published.',
  'Version-07-Part-Rollback': 'A rollback of some pointers leaves the rest.',
  'Version-08-History': 'The history is found by service, pointer, author and time.',
  'Version-09-Online-Backup': 'A backup is sound whatever is written meanwhile.',
  'Version-10-Restore-Wins':
    'A restored store has a newer epoch and a new version of every service; killed at any moment, one of the two databases is whole.',
  'Version-11-Difference-Applies': 'A difference applied to its base gives its target.',
  'Version-12-Restore-Of-Running':
    'The store of an authority that runs is refused as the source of a restore, and the authority goes on.',
  'Transfer-01-Round-Trip': 'Every document of a generated corpus comes back identical from export and import.',
  'Transfer-02-Parsed-Back': 'Every format is read back by a parser of its own.',
  'Transfer-03-Marker': 'The marker keeps the present secret, and is refused where there is none.',
  'Migration-01-Preview':
    'A migration shows the document before and after, and names the running instances that it would break.',
  'Author-01-Start-From-Template': 'What init and templates write, an authority takes, and nothing is overwritten.',
  'Author-02-Editor': 'An editor checks the YAML by the schema of the authority, and keeps its other settings.',
  'Author-03-Example-Valid': 'The example of any schema is valid and shows no secret.',
  'Author-04-Trace': 'A value is traced from its layers to the instances that run it.',
  'Http-01-Conditional': 'Of many who change the same version over HTTP one wins; the others are told 412.',
  'Http-02-Problems':
    'Every code has a status, and every error is a problem with all faults and the id of the request.',
  'Http-03-Described': 'Every route is in the OpenAPI 3.1 document, and is answered as it is described.',
  'Http-04-Events-Resume': 'Server-sent events go on after the last id, or say that something may be missing.',
  'Http-05-Keys-And-Limits': 'A key gives the operator a name, services and limits.',
  'Secret-01-Nowhere': 'No secret appears in any export, difference, explanation, search, log, error or answer.',
  'Secret-02-Not-Over-Http': 'No secret is in any answer, log line or event of the HTTP API.',
  'Secret-03-Fix': 'No proposed fix carries a secret, not even one of another service within a larger value.',
  'Secret-04-No-Guess':
    'No validation, difference or preview tells whoever may only read whether a guess at a secret is right.',

  'Client-01-Random-Schedules':
    'Over random schedules of loss, duplication, reordering, delay, partition, restarts, kills and clock jumps, no instance goes back, none shows an unvalidated or half document, and all converge.',
  'Client-02-Frozen-Broker':
    'With a frozen broker or a half-open socket a client is connected again, or to the next broker, within three intervals and the maximum delay.',
  'Client-03-Lives-Again':
    'After a refused connection, a password that becomes valid later, a publish that the broker closes on, or a denied filter, the client is live again by itself and says what happened.',
  'Client-04-Thousand-Reconnect': 'A thousand clients that reconnect at once are all back, with every subscription.',
  'Client-05-Busy-Handler':
    'A busy handler stops neither signs of life nor other handlers, and queues keep their bounds.',
  'Client-06-Stop': 'A client stops within five seconds, also with a hung handler, twice, and while connecting.',
  'Client-07-Backoff-Schedule': 'The gaps between attempts follow the schedule and reset after stability.',
  'Client-08-Last-Good':
    'A last good file that is torn, tampered, foreign, unreadable or can not be written is told and never a crash.',

  'Client-12-Browser':
    'In a browser, over WebSocket, the client verifies, applies, refuses, reports, reconnects and starts from its last good document as it does on Node.',
  'Client-14-Message-Traces':
    'What the handler of a message publishes and asks is in the trace of that message, across services and replies.',
  'Client-15-Operator-Traces':
    'A change by the command line begins the trace that goes on through authority and service to healthy, where its process has an OpenTelemetry SDK.',
  'Client-16-Burst-Kept':
    'Of a burst that comes faster than turns of the event loop a quick handler gets every message, whatever its queue holds.',
  'Client-18-Logger-Harmless': 'A logger that throws, and a full disk under the log, cost lines and nothing else.',
  'Client-19-Start-Waits':
    'Garbage, a deletion, a foreign or an older snapshot does not end the wait of a start for the live one.',
  'Client-20-One-Authority':
    'A snapshot of another authority is never applied, and a document that is newer than its authority has is told.',
  'Client-21-Reports-Arrive':
    'A health report or a contract that the broker did not take is published again until it has it.',
  'Client-22-Hung-Disk': 'A disk that hangs keeps a service from nothing but what is kept on it.',
  'Client-40-Surprises-Survived':
    'Whatever is thrown by who is told of a change, the next one is applied and a stop ends.',
  'Client-41-Late-Commit': 'A commit that ends after it was taken back is brought to the document in force.',
  'Client-42-Joins-And-Leaves':
    'A handler that is added while others prepare takes part in the change, and one that has ended is not called.',
  'Client-43-Trial-Gives-Way': 'A newer version is applied at once from the version on trial.',
  'Client-44-Probation':
    'A version that two processes died of within ten seconds is not applied by the third, which has the one before.',
  'Client-45-Wrong-Calls-Are-Told':
    'A messenger call with a topic or options that can not be right is refused at once with every fault, and ends neither connection nor process.',
  'Client-46-Data-Is-An-Object':
    'Data that does not become a JSON object is refused by the one who sends it, by its type where TypeScript can tell.',
  'Client-47-Replies-Say-What-Is-Wrong':
    'A reply that returns what can be no answer is told so on both sides, without what it returned.',
  'Client-23-Whole-Stop': 'Nothing of the service that throws keeps a stop from closing the connection.',
  'Client-17-One-Zod': 'A service has one zod, its own, in any version of one range; the packages bring none.',
  'Client-30-Options-At-Once':
    'Wrong options, by code or by environment, are refused before anything is done, all at once, each by its name and without its value.',

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

  'House-10-Age-And-Overflow':
    'bus.publish gives up each message at its own maxAgeMs, and outboxPolicy says whether the oldest message gives way or the new one.',
  'House-11-Lanes': 'Messages of a lane have bounds of their own in the publish queue and push out no other messages.',
  'House-12-Awaited-Subscription': 'A subscription that is awaited resolves when the broker has granted it.',
  'House-13-Awaited-Outcome':
    'The promise of messenger.publish has the outcome in the end, whether or not the message had to wait for a connection.',

  'Isolation-01-Many-Services':
    'A start and a broker that comes back empty publish the snapshots of 1,000 and more services, and requests are answered meanwhile.',
  'Isolation-02-Snapshot-Watched':
    'A snapshot that somebody overwrites or clears while the authority is connected is published again within seconds.',
  'Isolation-11-Bounded-Schemas':
    'A schema or contract takes a bounded number of steps with any document; past it, the schema is named as the fault, and a contract is not asked.',
  'Isolation-12-First-Errors':
    'Errors are bounded while they are found: thousands of wrong items in a list of alternatives are told within the steps.',
  'Isolation-13-Contracts-Bounded':
    'Contracts are remembered while a running instance has them, and beyond that only so many and so large.',
  'Isolation-14-Bounded-Patches': 'A JSON Patch ends at the first copy past the size of a document.',
  'Isolation-30-Deaf-Subscribers':
    'Subscribers that read nothing and bursts to topics without subscribers neither end the embedded broker nor hold up others.',
  'Isolation-31-No-Takeover': 'No client takes over the connection of the authority to its embedded broker.',
  'Isolation-40-Files-Inside':
    'Files, includes and links are read from the configuration folder and allowed folders alone, and never from the data folder.',
  'Isolation-41-Regular-Files': 'Pipes and devices are faults of their file, and never opened for reading.',
  'Isolation-42-Platform-Variables': 'Variables that Kubernetes sets for its services end no start.',
  'Isolation-43-Others-Start': 'A first start with a faulty service starts all others, and says what is wrong.',
  'Isolation-44-Modules-Contained':
    'A schema or rule module that does not end, ends the process or throws anything is a fault of its file.',
  'Isolation-45-Lost-Key':
    'A signing key that is missing beside a store is not replaced without being asked, and one that others can read is refused.',
  'Isolation-20-Fair-Queue':
    'Requests are carried out by requester and service in turn, bounded each; what is too much is refused with overloaded.',
  'Isolation-21-Own-Request-Ids':
    'A request id is remembered by requester and service: nobody gets the answer to a request of another, and another content under the same id is refused.',
  'Isolation-22-Denied-Takes-No-Id': 'A request that is denied does not use up the id of a true one.',
  'Isolation-23-Answers-Bounded': 'Of a refusal with hundreds of faults only the first are kept.',
  'Isolation-10-Linear-Patterns':
    'Patterns of contracts are matched in time proportional to the text; what can not be is refused.',
  'Isolation-03-One-Retry-Chain':
    'A snapshot that the broker refuses is retried with growing pauses, one chain a service, and delays no other service.',

  'House-80-Links-Resolve': 'Every link in the documentation leads to a file and a heading that exist.',
  'House-81-Architecture-Exists': 'Every file, folder and function that docs/architecture.md names exists.',
  'House-20-No-Schema':
    'A process connects for messaging and health alone with a service and a broker, no schema and no other option.',
  'House-70-Broker-Harness':
    'In the tests, starting a broker that runs does nothing, and stopping or closing one that has ended resolves at once.',
  'House-71-Named-Machine':
    'SETPOINT_TEST_MACHINE decides which brokers the tests use, and a run that lacks one it was promised fails.',
  'House-21-Errors-Exported':
    '`@setpoint/client` exports the error classes that its users catch, `SetpointError` and `BusError`, and their codes as unions.',

  'House-60-Operator':
    'connectOperator has one method for each operation, each with its own result type; a refusal is a value with a status, and no answer in time is an error with a code.',
  'House-72-No-Circle': 'No file and no package imports itself by way of others, not even for types.',
  'House-73-Own-Tests': 'The tests of each package run alone, from its folder.',
};

import type { Bus, BusMessage } from '@setpoint/bus';
import {
  anyName,
  convergenceType,
  createTopics,
  type Messages,
  type MessageType,
  type OpenedMessage,
  openMessage,
  parseName,
  resultType,
  SetpointError,
  snapshotType,
} from '@setpoint/protocol';
import { openConnection } from '../connection/connection.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import {
  conflictEvent,
  convergenceEvent,
  createNewsFilter,
  createSnapshotFollower,
  type WatchEvent,
} from '../output/watch-events.ts';
import { eventLines } from '../output/watch-text.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command.action((service: string | undefined) => act((context) => watch(service, context)));
};

/** Prints every change as it comes, of one service or of all, until it is interrupted. */
export async function watch(service: string | undefined, context: Context): Promise<ExitCode> {
  const name = service === undefined ? anyName : parseName(service, 'a service');
  const stop = whenAborted(context.interrupted());
  await using connection = openConnection(context.settings);
  follow(connection.bus, name, context);
  tellOfOutages(connection.bus, context);
  await Promise.race([stop, connection.failed]);
  return exitCodes.done;
}

function follow(bus: Bus, name: string, context: Context): void {
  const { prefix, name: operator } = context.settings;
  const topics = createTopics(prefix);
  const follower = createSnapshotFollower();
  const emit = createEmitter(context);
  const opener = createOpener(context, emit);

  bus.subscribe(topics.snapshot(name), (message) => {
    const address = topics.parse(message.topic);
    if (address?.kind !== 'snapshot') return;
    if (message.payload.length === 0) return emit(follower.remove(address.service));
    const opened = opener(snapshotType, message, address.service);
    if (opened) emit(follower.take(opened.data, message.retained));
  });
  bus.subscribe(topics.convergence(name), (message) => {
    const address = topics.parse(message.topic);
    if (address?.kind !== 'convergence' || message.payload.length === 0) return;
    const opened = opener(convergenceType, message, address.service);
    if (opened) emit(convergenceEvent(opened.data));
  });
  bus.subscribe(topics.result(name, operator), (message) => {
    const address = topics.parse(message.topic);
    const opened = address?.kind === 'result' ? opener(resultType, message, address.service) : undefined;
    if (opened?.data.overwrittenBy !== undefined) emit(conflictEvent(opened.data));
  });
}

/** Prints what is new: a state that is told again, after a reconnect say, is printed once. */
function createEmitter({ printer }: Context): (event: WatchEvent | undefined) => void {
  const isNews = createNewsFilter();
  return (event) => {
    if (!event || !isNews(event)) return;
    if (printer.isJson) printer.jsonLine(event);
    else for (const line of eventLines(event, printer.style)) printer.line(line);
  };
}

type Opener = <Type extends MessageType & keyof Messages>(
  type: Type,
  message: BusMessage,
  service: string,
) => OpenedMessage<Messages[Type]> | undefined;

function createOpener({ settings }: Context, emit: (event: WatchEvent) => void): Opener {
  return (type, { topic, payload }, service) => {
    try {
      const opened = openMessage(type, payload, { keys: settings.keys, now: Date.now() });
      if (opened.envelope.subject === service) return opened;
      throw new SetpointError('message_unexpected', `it is about ${opened.envelope.subject}`);
    } catch (cause) {
      if (!(cause instanceof SetpointError)) throw cause;
      emit({ kind: 'ignored', topic, code: cause.code, reason: cause.message });
      return undefined;
    }
  };
}

function tellOfOutages(bus: Bus, { printer }: Context): void {
  let isLost = false;
  bus.onStatus((status) => {
    if (status.kind === 'connected') {
      if (isLost) printer.error('connected again');
      isLost = false;
    } else if (status.kind === 'reconnecting' && !isLost) {
      printer.error(`the connection is lost (${status.reason}); connecting again`);
      isLost = true;
    }
  });
}

const whenAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((settle) => {
    if (signal.aborted) settle();
    else signal.addEventListener('abort', () => settle(), { once: true });
  });

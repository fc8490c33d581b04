import { channel } from '#runtime/channel';

/**
 * What the client tells on `node:diagnostics_channel`, by the name of the channel: what happened and how, and neither
 * values nor secrets. Nothing is made while nobody has subscribed. In a browser nobody can.
 */
export interface DiagnosticsMessages {
  /** A snapshot came from the broker and was verified and judged. */
  readonly 'setpoint.client.receive': Told & {
    /** Of the message. */
    readonly bytes: number;
    readonly outcome: 'apply' | 'skip' | 'refuse' | 'deleted';
    /** Of what was skipped. */
    readonly reason?: 'duplicate' | 'stale';
    /** Of what was refused. */
    readonly code?: string;
    readonly epoch?: number;
    readonly version?: number;
  };
  /** A version had its turn. */
  readonly 'setpoint.client.apply': Told & {
    readonly from: 'live' | 'cache';
    readonly epoch: number;
    readonly version: number;
    /** `superseded`: what was in force by then made it needless. */
    readonly outcome: 'applied' | 'rejected' | 'refused' | 'confirmed' | 'skipped' | 'superseded';
    /** Of what was rejected or refused. */
    readonly code?: string;
    readonly durationMs: number;
  };
  /** A message of this process was acknowledged, or not. */
  readonly 'setpoint.client.publish': Told & {
    readonly topic: string;
    /** Of the payload. */
    readonly bytes: number;
    /** Of what failed. */
    readonly code?: string;
    readonly durationMs: number;
  };
  /** The connection to the broker is in another state. */
  readonly 'setpoint.client.connect': Told & {
    readonly status: string;
    /** Attempts since the last connection. */
    readonly attempt?: number;
    /** Connections of this process. */
    readonly session?: number;
  };
  /** How far the document can be relied on has changed, in the words of OpenFeature. */
  readonly 'setpoint.client.state': Told & { readonly state: string; readonly previous: string };
}

interface Told {
  readonly service: string;
  readonly instance: string;
}

export type DiagnosticsName = keyof DiagnosticsMessages;

const channels: { readonly [Name in DiagnosticsName]: ReturnType<typeof channel> } = {
  'setpoint.client.receive': channel('setpoint.client.receive'),
  'setpoint.client.apply': channel('setpoint.client.apply'),
  'setpoint.client.publish': channel('setpoint.client.publish'),
  'setpoint.client.connect': channel('setpoint.client.connect'),
  'setpoint.client.state': channel('setpoint.client.state'),
};

export const isHeard = (name: DiagnosticsName): boolean => channels[name].hasSubscribers;

/** Publishes what `make` makes, which is not called while nobody listens. */
export function tell<Name extends DiagnosticsName>(name: Name, make: () => DiagnosticsMessages[Name]): void {
  if (isHeard(name)) channels[name].publish(make());
}

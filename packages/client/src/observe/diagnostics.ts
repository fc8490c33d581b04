import { channel } from '#runtime/channel';

/**
 * The messages that the client publishes on `node:diagnostics_channel`, by channel name. They say what happened and carry
 * no values and no secrets. They cost nothing while nobody has subscribed. Browsers have no such channels.
 */
export interface DiagnosticsMessages {
  /** A snapshot came from the broker and was verified and judged. */
  readonly 'setpoint.client.receive': Identity & {
    /** Size of the message. */
    readonly bytes: number;
    readonly outcome: 'apply' | 'skip' | 'refuse' | 'deleted';
    /** Why it was skipped. */
    readonly reason?: 'duplicate' | 'stale';
    /** Why it was refused. */
    readonly code?: string;
    readonly epoch?: number;
    readonly version?: number;
  };
  /** A version was applied, or its turn passed. */
  readonly 'setpoint.client.apply': Identity & {
    readonly from: 'live' | 'cache';
    readonly epoch: number;
    readonly version: number;
    /** `superseded`: the version in force by then made it needless. */
    readonly outcome: 'applied' | 'rejected' | 'refused' | 'confirmed' | 'skipped' | 'superseded';
    /** Why it was rejected or refused. */
    readonly code?: string;
    readonly durationMs: number;
  };
  /** A publish of this process was acknowledged or failed. */
  readonly 'setpoint.client.publish': Identity & {
    readonly topic: string;
    /** Size of the payload. */
    readonly bytes: number;
    /** Why it failed. */
    readonly code?: string;
    readonly durationMs: number;
  };
  /** The connection to the broker changed its state. */
  readonly 'setpoint.client.connect': Identity & {
    readonly status: string;
    /** ApplyAttempts since the last connection. */
    readonly attempt?: number;
    /** Connections of this process. */
    readonly session?: number;
  };
  /** The provider state changed. */
  readonly 'setpoint.client.state': Identity & { readonly state: string; readonly previous: string };
}

interface Identity {
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

/** Whether anybody subscribed to this channel. */
export const hasSubscribers = (name: DiagnosticsName): boolean => channels[name].hasSubscribers;

/** Publishes what `make` returns. It is not called while nobody has subscribed. */
export function publishDiagnostics<Name extends DiagnosticsName>(
  name: Name,
  make: () => DiagnosticsMessages[Name],
): void {
  if (hasSubscribers(name)) channels[name].publish(make());
}

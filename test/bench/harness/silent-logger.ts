import type { Logger } from '@setpoint/client';

/** For clients whose warnings are no part of what is measured. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

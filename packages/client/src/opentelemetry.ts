export type { Tracing } from '@setpoint/participant';
export { type OpenTelemetryOptions, openTelemetry } from '@setpoint/participant/opentelemetry';

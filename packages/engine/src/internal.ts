// For the packages of this repository: nothing here is promised to anybody else.

export { applyJsonPatch } from './document/json-patch.ts';
export { placesAround } from './document/overlap.ts';
export { migrateSources } from './migration/migrate-sources.ts';
export { type Confidential, createSecretFinder } from './rule/hide-secrets.ts';
export { convert, readQuantity, unitOfName } from './rule/quantity.ts';
export { runWithin } from './rule/time-limit.ts';
export { redactDifference, redactValue, type SecretTest } from './schema/redact.ts';
export { redactDocument } from './schema/redact-document.ts';
export type { Shape } from './schema/shape.ts';
export { validate } from './schema/validate.ts';

import { z } from 'zod';
import { count, name, note, time } from './fields.ts';
import { choices, findContradiction, type Operation, type OperationShape, operationShapes } from './operation.ts';

/**
 * What an operator asks for.
 * @see docs/protocol.md#5-request-and-result
 */
export type Request = RequestOptions & Operation;

export interface RequestOptions {
  readonly service: string;
  /** Compare-and-set: refused with `conflict` where the service is at another version. 0: it must not exist yet. */
  readonly expectedVersion?: number;
  readonly reason?: string;
  /** The operator. */
  readonly author: string;
  /** RFC 3339; later than this the request is refused. */
  readonly expiresAt?: string;
  /** Also where a running process can't take the change over, and the service's policy refuses that. */
  readonly acceptRestart?: boolean;
  /** `false`: refused where nobody knows the service; its name may be misspelt. @default true */
  readonly create?: boolean;
}

export const requestType = 'setpoint.request.v1';

const options = {
  service: name,
  expectedVersion: count.exactOptional(),
  reason: note.exactOptional(),
  author: name,
  expiresAt: time.exactOptional(),
  acceptRestart: z.boolean().exactOptional(),
  create: z.boolean().exactOptional(),
};

const [first, ...rest] = operationShapes.map((shape: OperationShape) => {
  const choice = choices[shape.op.value];
  const object = z.object({ ...shape, ...options });
  // For readers of the published schema; here it is `findContradiction` that tells.
  return choice?.isNeeded ? object.meta({ oneOf: choice.names.map((each) => ({ required: [each] })) }) : object;
});

export const requestSchema: z.ZodType<Request> = z
  .discriminatedUnion('op', [first as z.ZodObject<OperationShape>, ...rest])
  .superRefine((request, context) => {
    const message = findContradiction(request);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  }) as unknown as z.ZodType<Request>;

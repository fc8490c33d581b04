import { createMemoryBroker } from '@setpoint/bus/memory';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { BusError, type BusErrorCode, connect, SetpointError, type SetpointErrorCode } from './index.ts';

describe('House-21-Errors-Exported: the errors that a user catches', () => {
  it('an error of connect is a SetpointError of this package, with a code from a union', async () => {
    const error: unknown = await connect({ url: 'http://broker', service: 'vad' }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(SetpointError);
    expect(error).toMatchObject({ code: 'options_invalid', faults: [{ pointer: '/url' }] });
    expectTypeOf<SetpointError['code']>().toEqualTypeOf<SetpointErrorCode>();
    expectTypeOf<'no_configuration'>().toExtend<SetpointErrorCode>();
  });

  it('an error of the bus is a BusError of this package, with a code from a union', async () => {
    const broker = createMemoryBroker();
    await using connection = await connect({
      bus: (options) => broker.connect(options),
      service: 'vad',
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    });
    const error: unknown = await connection.bus.publish('a/#', 'x').catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(BusError);
    expect(error).toMatchObject({ code: 'topic_invalid' });
    expectTypeOf<BusError['code']>().toEqualTypeOf<BusErrorCode>();
  });
});

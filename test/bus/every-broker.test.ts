import { describeBusSuite } from '@setpoint/bus/suite';
import { availableBrokers } from '@setpoint/test-support/brokers/brokers';

for (const broker of await availableBrokers()) describeBusSuite(broker.name, broker.open);

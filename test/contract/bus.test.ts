import { availableBrokers } from '@setpoint/test-support/brokers/brokers';
import { describeBusContract } from '../../packages/bus/src/contract.ts';

for (const broker of await availableBrokers()) describeBusContract(broker.name, broker.open);

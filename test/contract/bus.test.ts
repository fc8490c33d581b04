import { describeBusContract } from '../../packages/bus/src/contract.ts';
import { availableBrokers } from '../support/brokers/brokers.ts';

for (const broker of await availableBrokers()) describeBusContract(broker.name, broker.open);

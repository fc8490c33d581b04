import { expect, it } from 'vitest';
import { BrokerOrder } from './broker-order.ts';

const walk = (count: number, ends: readonly boolean[]): number[] => {
  const order = new BrokerOrder(count);
  const indexes = [order.index];
  for (const heldStable of ends) {
    order.ended(heldStable);
    indexes.push(order.index);
  }
  return indexes;
};

it('the broker order goes round while attempts fail', () => {
  expect(walk(3, [false, false, false, false])).toEqual([0, 1, 2, 0, 1]);
});

it('the broker order begins with the first again when a connection that held is lost, whichever it was', () => {
  expect(walk(3, [false, false, true])).toEqual([0, 1, 2, 0]);
  expect(walk(3, [true])).toEqual([0, 0]);
});

it('the broker order leaves a broker that accepts and hangs up', () => {
  expect(walk(2, [false, true, false, true])).toEqual([0, 1, 0, 1, 0]);
});

it('the broker order stays with a single broker', () => {
  expect(walk(1, [false, true, false])).toEqual([0, 0, 0, 0]);
});

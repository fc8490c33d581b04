/// <reference lib="dom" />

import { type Connection, connect } from '@setpoint/client';
import type { z } from 'zod';
import { shopWindow } from './shop-window.ts';

type ShopWindow = z.output<typeof shopWindow>;

const place = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;

function show({ headline, accent, isOpen, hours, menu }: ShopWindow): void {
  const main = document.querySelector('main') as HTMLElement;
  main.style.setProperty('--accent', accent);
  main.classList.toggle('closed', !isOpen);
  place('headline').textContent = headline;
  place('hours').textContent = isOpen ? `Open from ${hours}` : 'Closed today';
  place('menu').replaceChildren(
    ...menu.map(({ name, euros }) => {
      const line = document.createElement('li');
      line.append(name, Object.assign(document.createElement('b'), { textContent: `€ ${euros.toFixed(2)}` }));
      return line;
    }),
  );
}

function showStanding({ stamp, state, providerState, bus }: Connection<ShopWindow>): void {
  place('standing').textContent =
    `version ${stamp?.version ?? 'none'}, ${state}, ${providerState} · broker: ${bus.status.kind}`;
}

// `?broker=ws://…` names the broker. The trusted keys come from the site that served the page, not from the broker.
const query = new URLSearchParams(location.search);
const connection = await connect({
  service: 'shop-window',
  // Without a name, each load of the page would be another instance.
  instance: query.get('name') ?? 'shop-window-1',
  schema: shopWindow,
  url: query.get('broker') ?? `ws://${location.hostname}:9001`,
  prefix: query.get('prefix') ?? '',
  trustedKeys: await (await fetch('/trusted-keys.json')).json(),
});
show(connection.current);
showStanding(connection);
place('waiting').remove();
document.querySelector('main')?.removeAttribute('hidden');

connection.onChange(({ current }) => {
  show(current);
  showStanding(connection);
});
connection.on('/headline', () => {
  place('headline').animate([{ background: '#ffe680' }, { background: 'transparent' }], 2000);
});
connection.onState(() => showStanding(connection));
connection.bus.onStatus(() => showStanding(connection));

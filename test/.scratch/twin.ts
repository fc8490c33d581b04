import mqtt from 'mqtt';
import { openMosquitto } from '../support/brokers/mosquitto.ts';
const b = await openMosquitto();
const a = await mqtt.connectAsync(b.url, {clientId:'t', protocolVersion:5, reconnectPeriod:0, clean:true});
for (const e of ['packetreceive','disconnect','close','error'] as const) a.on(e as any, (x: any)=>console.log('a', e, JSON.stringify(x)));
const c = await mqtt.connectAsync(b.url, {clientId:'t', protocolVersion:5, reconnectPeriod:0, clean:true});
await new Promise(r=>setTimeout(r,300));
c.end(true); a.end(true); await b.close();

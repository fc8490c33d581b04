import { openAedes } from '../support/brokers/aedes.ts';
import { connectTo } from '../support/brokers/over-socket.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { hear, reached } from '../support/heard.ts';
const broker = await openAedes();
for (let i=0;i<6;i++) {
const wire = await openTcpProxy(broker.url);
const bus = connectTo(wire.url, {keepaliveSeconds:1, onFault: f=>console.log(f.message)}); await bus.start();
const t0=performance.now(); const log=(...a:unknown[])=>console.log((performance.now()-t0).toFixed(0),...a);
broker.broker.on('clientDisconnect', ()=>log('aedes disconnect'));
bus.client!.stream.on('end', ()=>log('end')); bus.client!.stream.on('error', (e:any)=>log('err',e));
bus.client!.on('packetsend', p=>log('send',p.cmd)); bus.client!.on('packetreceive', p=>log('recv',p.cmd)); bus.client!.on('close',()=>log('close'));
const h = hear(bus,'a'); await h.subscription.ready; wire.freeze(); void bus.publish('a','x');
await reached(bus, s=>s.kind==='connecting'); wire.cut(); wire.thaw(); await h.next(); await bus.stop(); await wire.close();
}
await broker.close();

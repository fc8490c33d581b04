import { MqttClient } from 'mqtt';
import { openMosquitto } from '../support/brokers/mosquitto.ts';
import { session } from '../support/heard.ts';
const b = await openMosquitto((c) => c.replace('set_tcp_nodelay true', ''));
const med = (a: number[]) => a.sort((x,y)=>x-y)[a.length>>1]!.toFixed(2);
const seed = b.connect(); await seed.start(); for (let i=0;i<20;i++) await seed.publish(`kept/${i}`, 'v', {retain:true});
const ping = MqttClient.prototype.sendPing;
for (const [name, fn] of [['with ping', ping], ['without', () => {}]] as const) {
  MqttClient.prototype.sendPing = fn as any;
  for (const n of [1, 5, 20]) {
    const l:number[]=[], r:number[]=[];
    for (let i=0;i<15;i++) {
      const bus = b.connect({reconnectMinDelayMs:1}); let got=0; let done: ()=>void=()=>{};
      const wait = () => new Promise<void>(res=>{ got=0; done=res; });
      for (let k=0;k<n;k++) bus.subscribe(`kept/${k}`, () => { if (++got===n) done(); });
      let t=performance.now(); let w=wait(); await bus.start(); await w; l.push(performance.now()-t);
      w=wait(); bus.reconnect('x'); await session(bus,2); t=performance.now(); await w; r.push(performance.now()-t);
      await bus.stop();
    }
    console.log(name, 'filters', n, 'connect→retained', med(l), 'reconnected→retained', med(r));
  }
}
await seed.stop(); await b.close();

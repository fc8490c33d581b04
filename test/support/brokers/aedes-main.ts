// The broker of broker-process.ts: `node aedes-main.ts <port>`.
import { createServer, type Socket } from 'node:net';
import { Aedes } from 'aedes';

const broker = await Aedes.createBroker({ drainTimeout: 2000 });
const sockets = new Set<Socket>();
const server = createServer({ noDelay: true }, (socket) => {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
  broker.handle(socket);
});
process.on('message', () => {
  for (const socket of sockets) socket.destroy();
  process.send?.('dropped');
});
// A test that is gone needs no broker.
process.on('disconnect', () => process.exit(0));
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 }, () => process.send?.('listening'));

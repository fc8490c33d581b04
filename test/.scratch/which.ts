import { hasMosquittoImage } from '../support/brokers/mosquitto-container.ts';
import { findMosquittoBinary } from '../support/brokers/mosquitto-process.ts';
console.log(await hasMosquittoImage(), await findMosquittoBinary());

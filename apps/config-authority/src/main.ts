#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Reading and compiling the sources is most of a start.
enableCompileCache();
const { main } = await import('./command.ts');
await main();

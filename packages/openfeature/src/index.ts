export type { FlagSource } from './provider.ts';
export { SetpointProvider } from './provider.ts';

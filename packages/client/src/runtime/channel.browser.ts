/** A browser has no such channels: what could be told on one is not even made. */
export const channel = (_name: string): { readonly hasSubscribers: boolean; publish(message: unknown): void } => ({
  hasSubscribers: false,
  publish: () => undefined,
});

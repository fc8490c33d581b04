/** Browsers have no diagnostics channels: without subscribers, no message is made. */
export const channel = (_name: string): { readonly hasSubscribers: boolean; publish(message: unknown): void } => ({
  hasSubscribers: false,
  publish: () => undefined,
});

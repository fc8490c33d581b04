/** Starts a timer that does not keep the process alive. (Browsers have no such distinction.) */
export function startBackgroundTimer(call: () => void, ms: number): NodeJS.Timeout {
  const timer = setTimeout(call, ms);
  timer.unref?.();
  return timer;
}

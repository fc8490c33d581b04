/** A timer that does not keep the process alive. In a browser no timer does. */
export function inBackground(call: () => void, ms: number): NodeJS.Timeout {
  const timer = setTimeout(call, ms);
  timer.unref?.();
  return timer;
}

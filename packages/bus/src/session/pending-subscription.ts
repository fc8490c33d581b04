/**
 * Makes a subscription that can be awaited until it is granted. What the promise resolves with can't be awaited itself:
 * a promise of it would never end.
 */
export function awaitable<S extends { readonly ready: Promise<void> }>(subscription: S): S & PromiseLike<S> {
  const granted = (): S => subscription;
  // It inherits everything, getters included.
  return Object.defineProperty(Object.create(subscription) as S & PromiseLike<S>, 'then', {
    value: ((onGranted, onEnded) =>
      subscription.ready.then(granted).then(onGranted, onEnded)) as PromiseLike<S>['then'],
  });
}

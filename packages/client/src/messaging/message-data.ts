/**
 * What a message, a question or an answer can have as its data: anything that JSON writes as an object, interfaces and
 * objects of classes included. Lists go into a member (`{ items }`), and so do texts and numbers; for a `Date`, a `Map` or
 * a `Set` say what is to be written (`Object.fromEntries(map)`), a promise has to be awaited. `publish` looks at it, too.
 */
export interface MessageData {
  // Of any other type than this one an interface has to have an index signature, too.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly [member: string]: any;
  /** Lists, maps, sets, bytes and texts have it. */
  readonly [Symbol.iterator]?: never;
  /** Streams have it. */
  readonly [Symbol.asyncIterator]?: never;
  /** Functions have it. */
  readonly [Symbol.hasInstance]?: never;
  /** Dates have it. */
  readonly [Symbol.toPrimitive]?: never;
  /** Promises have it, maps and sets too. */
  readonly [Symbol.toStringTag]?: never;
}

/** Calls a method by its name: a subclass may override it. */
export function callMethod(instance: object, key: string | symbol, ...args: unknown[]): unknown {
  return Reflect.get(instance, key).apply(instance, args);
}

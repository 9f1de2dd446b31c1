/** `true` if the two types are the same: neither is wider. */
export type Equal<Left, Right> =
  (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;

/** Does not compile unless the type argument is `true`. */
export function expectTrue<_Value extends true>(): void {}

/** Does not compile unless the value is of the type. */
export function expectType<Type>(_value: Type): void {}

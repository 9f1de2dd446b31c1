import { type AnySchema, array, type ISchema, mixed, object, ValidationError } from 'yup';
import { unknownName } from '../protocol/nearest-name.js';

// The parts of the schema of the settings. A message continues the name of its setting to a sentence and contains no
// value.

/** One setting, which may be left out. */
export function rule(problem: string, holds: (value: unknown) => boolean): AnySchema {
  return required(problem, (value) => value === undefined || holds(value));
}

/** One setting that must be given. */
export function required(problem: string, holds: (value: unknown) => boolean): AnySchema {
  return mixed().nullable().test('rule', problem, holds);
}

/** A group of settings. Refuses every name that `fields` does not have. */
export function section<Settings extends object>(fields: { readonly [Name in keyof Settings]-?: ISchema<unknown> }) {
  const names = Object.keys(fields);
  return object({ ...fields } as Record<string, ISchema<unknown>>)
    .nonNullable('must be an object')
    .typeError('must be an object')
    .test('known-names', function (value: unknown) {
      // yup takes a function for an object.
      if (typeof value === 'function') return this.createError({ message: 'must be an object' });
      const unknown = Object.entries(value ?? {}).filter(([name, item]) => item !== undefined && !names.includes(name));
      if (unknown.length === 0) return true;
      const errors = unknown.map(([name]) => {
        const path = this.path ? `${this.path}.${name}` : name;
        return this.createError({ path, message: unknownName(name, names) });
      });
      return new ValidationError(errors);
    });
}

/** A list with at least one item. */
export function listOf(item: ISchema<unknown>) {
  const problem = 'must be a list with at least one item';
  return array(item as AnySchema)
    .nonNullable(problem)
    .typeError(problem)
    .min(1, problem);
}

export function oneOf(...values: readonly string[]): AnySchema {
  const quoted = values.map((value) => `"${value}"`);
  const problem = `must be ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
  return rule(problem, (value) => values.includes(value as string));
}

/** A count, or a number of bytes or milliseconds. The bound keeps sums of times within the 31 bits of a timer. */
export const positiveInteger = rule(
  'must be an integer from 1 to 1073741823',
  (value) => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) < 2 ** 30,
);

/** As {@link positiveInteger}, or 0. */
export const integerFromZero = rule(
  'must be an integer from 0 to 1073741823',
  (value) => Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 30,
);

export const flag = rule('must be true or false', (value) => typeof value === 'boolean');

export const callable = rule('must be a function', (value) => typeof value === 'function');

/** An object that has these methods. */
export function withMethods(...methods: readonly string[]): AnySchema {
  const problem = `must have the method${methods.length > 1 ? 's' : ''} ${methods.map((name) => `${name}()`).join(', ')}`;
  return rule(problem, (value) =>
    methods.every((name) => typeof (value as Record<string, unknown> | null)?.[name] === 'function'),
  );
}

/** Whether a value is a string that is not empty and has no white space at its ends, as pasted secrets often have. */
export function isTrimmed(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.trim() === value;
}

import type { AnySchema, ISchema } from 'yup';
import { loadYup } from '../protocol/load-yup.js';
import { unknownName } from '../protocol/nearest-name.js';

// The rules of the settings. The name of a setting and its problem make a sentence, which contains no value.

/**
 * A rule has two forms: a quick check that a value is right, which is the usual case, and a schema that says what is
 * wrong. A property test compares the two.
 */
export interface SettingRule {
  /** Whether nothing is wrong. */
  holds(value: unknown): boolean;
  /** The schema that says what is wrong. */
  schema(): AnySchema;
}

/** One setting, which may be left out. */
export function rule(problem: string, holds: (value: unknown) => boolean): SettingRule {
  return required(problem, (value) => value === undefined || holds(value));
}

/** One setting that must be given. */
export function required(problem: string, holds: (value: unknown) => boolean): SettingRule {
  return { holds, schema: () => loadYup().mixed().nullable().test('rule', problem, holds) };
}

/** A group of settings. Refuses every name that `fields` does not have. */
export function section<Settings extends object>(
  fields: {
    readonly [Name in keyof Settings]-?: SettingRule;
  },
): SettingRule {
  const rules = Object.entries<SettingRule>(fields);
  const names = Object.keys(fields);
  const unknownOf = (value: unknown) =>
    Object.entries(value ?? {}).filter(([name, item]) => item !== undefined && !names.includes(name));
  return {
    holds: (value) =>
      value === undefined ||
      (Object.prototype.toString.call(value) === '[object Object]' &&
        rules.every(([name, rule]) => rule.holds((value as Record<string, unknown>)[name])) &&
        unknownOf(value).length === 0),
    schema() {
      const { object, ValidationError } = loadYup();
      return object(
        Object.fromEntries(rules.map(([name, rule]) => [name, rule.schema()])) as Record<string, ISchema<unknown>>,
      )
        .nonNullable('must be an object')
        .typeError('must be an object')
        .test('known-names', function (value: unknown) {
          // yup accepts a function as an object.
          if (typeof value === 'function') return this.createError({ message: 'must be an object' });
          const unknown = unknownOf(value);
          if (unknown.length === 0) return true;
          const errors = unknown.map(([name]) => {
            const path = this.path ? `${this.path}.${name}` : name;
            return this.createError({ path, message: unknownName(name, names) });
          });
          return new ValidationError(errors);
        });
    },
  };
}

/** A list with at least one item. */
export function listOf(item: SettingRule): SettingRule {
  const problem = 'must be a list with at least one item';
  return {
    holds: (value) => value === undefined || (Array.isArray(value) && value.length > 0 && [...value].every(item.holds)),
    schema: () => loadYup().array(item.schema()).nonNullable(problem).typeError(problem).min(1, problem),
  };
}

/** Makes a setting required. */
export function given(setting: SettingRule, problem: string): SettingRule {
  return {
    holds: (value) => value !== undefined && setting.holds(value),
    schema: () => setting.schema().required(problem),
  };
}

/** A problem of one setting. `subject` and `problem` make a sentence, which holds no value. */
export interface SettingProblem {
  readonly subject: string;
  readonly problem: string;
}

/**
 * A setting with an additional rule.
 * @param problemsOf the problems of a value. `setting` need not hold for it. A problem without a `subject` concerns the
 *   setting itself.
 */
export function withRule(
  setting: SettingRule,
  problemsOf: (value: unknown) => Iterable<Omit<SettingProblem, 'subject'> & Partial<SettingProblem>>,
): SettingRule {
  return {
    holds: (value) => setting.holds(value) && [...problemsOf(value)].length === 0,
    schema() {
      const { ValidationError } = loadYup();
      return setting.schema().test('rule', function (value: unknown) {
        const errors = [...problemsOf(value)].map(({ subject, problem: message }) =>
          this.createError({ path: subject ?? this.path, message }),
        );
        return errors.length === 0 || new ValidationError(errors);
      });
    },
  };
}

/** A setting whose rule depends on its value. */
export function choice(ruleFor: (value: unknown) => SettingRule): SettingRule {
  return {
    holds: (value) => ruleFor(value).holds(value),
    schema: () => loadYup().lazy((value: unknown) => ruleFor(value).schema()) as unknown as AnySchema,
  };
}

export function oneOf(...values: readonly string[]): SettingRule {
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
export function withMethods(...methods: readonly string[]): SettingRule {
  const problem = `must have the method${methods.length > 1 ? 's' : ''} ${methods.map((name) => `${name}()`).join(', ')}`;
  return rule(problem, (value) =>
    methods.every((name) => typeof (value as Record<string, unknown> | null)?.[name] === 'function'),
  );
}

/** Whether a value is a string that is not empty and has no white space at its ends, as pasted secrets often have. */
export function isTrimmed(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.trim() === value;
}

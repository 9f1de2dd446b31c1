import type { AnyObject, ObjectSchema, StringSchema } from 'yup';
import type { FieldShape } from '../protocol/field-shapes.js';
import { shapesOf } from '../protocol/fields.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { loadYup } from '../protocol/load-yup.js';

const schemas: { [Kind in CallbackKind]?: ObjectSchema<AnyObject> } = {};

/**
 * The schema that says what is wrong. Built once, when it is first needed: building costs as much as a hundred checks.
 */
export function fieldSchema(kind: CallbackKind): ObjectSchema<AnyObject> {
  schemas[kind] ??= newFieldSchema(kind);
  return schemas[kind];
}

function newFieldSchema(kind: CallbackKind): ObjectSchema<AnyObject> {
  const { object } = loadYup();
  return object(Object.fromEntries(shapesOf(kind).map(([name, shape]) => [name, schemaOf(shape)]))).strict();
}

/** The schema of a shape. Its messages are codes of the table of failures: yup's own would print the value. */
function schemaOf({ required, holds }: FieldShape): StringSchema<string | undefined> {
  const text = loadYup().string().strict();
  return (required ? text.required('missing-field') : text).test({
    message: 'malformed-field',
    test: (value) => value === undefined || value === '' || holds(value),
  });
}

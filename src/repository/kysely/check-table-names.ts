import { invalidSetting } from '../../errors.js';
import { schema } from './schema.js';
import { type TableKey, type TableNames, tableName } from './table-names.js';

/** PostgreSQL cuts longer names, so that two tables or indexes could get the same name. */
const longestName = 63;

/** @throws DragonpayError `invalid-setting` that names the option */
export function checkTableNames(names: TableNames): void {
  const { schema: schemaName } = names;
  if (schemaName !== undefined) checkName('schema', schemaName, longestName);
  const taken = new Map<string, TableKey>();
  for (const key of Object.keys(schema) as TableKey[]) {
    const endings = [...schema[key].indexes, '_migrations_lock'];
    const longestEnding = Math.max(...endings.map((ending) => ending.length));
    const name = tableName(names, key);
    checkName(key, name, longestName - longestEnding);
    const other = taken.get(name);
    if (other !== undefined) throw invalidSetting(key, `must not be the name of ${other}`);
    taken.set(name, key);
  }
}

function checkName(option: string, name: unknown, longest: number): void {
  if (typeof name !== 'string' || name === '') throw invalidSetting(option, 'must be a non-empty string');
  if (Buffer.byteLength(name) > longest) throw invalidSetting(option, `must be at most ${longest} bytes long`);
  // A `$` could end the quoting of a migration's text; NUL cannot be in a name.
  if (/[$\0]/.test(name)) throw invalidSetting(option, 'must not contain $ or NUL');
}

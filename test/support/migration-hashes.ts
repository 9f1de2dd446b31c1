import { hash } from 'node:crypto';
import type { CompiledQuery, Kysely } from 'kysely';
import { createMigrations, type MigrationOptions } from '../../src/kysely.js';

/** The hashes of the SQL of each migration, up and down. The hashes of a released migration must never change. */
export async function hashMigrations(options: MigrationOptions = {}): Promise<Record<string, string[]>> {
  const hashes: Record<string, string[]> = {};
  for (const [name, migration] of Object.entries(await createMigrations(options).getMigrations())) {
    hashes[name] = [];
    for (const direction of ['up', 'down'] as const) {
      const statements: string[] = [];
      const executeQuery = async ({ sql }: CompiledQuery) => void statements.push(sql);
      await migration[direction]({ withoutPlugins: () => ({ executeQuery }) } as unknown as Kysely<unknown>);
      hashes[name].push(hash('sha256', statements.join(';\n')));
    }
  }
  return hashes;
}

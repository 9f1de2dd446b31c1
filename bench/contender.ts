import type { Server } from 'node:http';
import { createServer, type RequestListener } from 'node:http';
import pg from 'pg';

/** What every server of the comparison is given. */
export interface Surroundings {
  readonly databaseUrl: string;
  readonly secretKey: string;
}

/** A server of the comparison: a file of `rivals/` or `ours/` exports one. It listens on a port of its own. */
export type StartContender = (surroundings: Surroundings) => Promise<Server>;

/** The rivals' table: what an engineer would make, without the checks and the inbox of ours. */
export const rivalTable = `create table payments (
  txnid varchar(40) collate "C" primary key,
  refno varchar(32),
  status char(1) not null default 'P',
  amount numeric(12,2) not null,
  currency char(3) not null,
  description varchar(128),
  created_at timestamptz not null default now(),
  modified_at timestamptz not null default now()
) with (fillfactor = 80)`;

export const plainUpdate = 'update payments set status = $2, refno = $3, modified_at = now() where txnid = $1';

/** A pool as all of the contenders use it: nobody pays for connecting again between two rounds. */
export function makePool(databaseUrl: string): pg.Pool {
  return new pg.Pool({ connectionString: databaseUrl, max: 10, idleTimeoutMillis: 0 });
}

/** Listens on a free port. */
export function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

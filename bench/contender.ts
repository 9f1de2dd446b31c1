import type { Server } from 'node:http';
import { createServer, type RequestListener } from 'node:http';
import pg from 'pg';

/** The settings of every server in the comparison. */
export interface ContenderSettings {
  readonly databaseUrl: string;
  readonly secretKey: string;
}

/** Starts a server on a free port. Each file in `rivals/` and `ours/` exports one as `start`. */
export type StartContender = (settings: ContenderSettings) => Promise<Server>;

/** The table of the rivals: without the checks and the inbox of ours. */
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

/** The table of the merchant's orders, which effects change. Ours and the rivals share it. */
export const ordersTable = `create table orders (
  txnid varchar(40) collate "C" primary key,
  paid boolean not null default false
) with (fillfactor = 80)`;

export const orderUpdate = 'update orders set paid = true where txnid = $1';

/** The pool of every contender. It keeps idle connections, so that no round pays for connecting again. */
export function makePool(databaseUrl: string): pg.Pool {
  return new pg.Pool({ connectionString: databaseUrl, max: 10, idleTimeoutMillis: 0 });
}

/** Listens on a free port. */
export function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

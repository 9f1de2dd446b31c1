import { quoteName, quoteTables, type TableNames, tableName } from '../../table-names.js';

/**
 * Migration 0001: the tables of payments, payouts and callbacks. Released migrations never change: the text is literal,
 * and test/repository/sqlite/migrations.test.ts pins its hash.
 *
 * Texts compare byte by byte, which is SQLite's default. Amounts are texts: SQLite's numbers would be floats.
 */
export function tables0001(names: TableNames): { up: string[]; down: string[] } {
  const { transactions, payouts, callbacks } = quoteTables(names);
  const index = (key: 'transactions' | 'callbacks', ending: string) => quoteName(`${tableName(names, key)}${ending}`);
  return {
    up: [
      `create table ${transactions} (
  txnid text not null primary key check (length(txnid) between 1 and 40),
  refno text check (length(refno) <= 32),
  status text not null default 'P' check (status in ('S', 'F', 'P', 'U', 'R', 'K', 'V', 'A', 'E')),
  reached text not null default '' check (length(reached) <= 9 and reached not glob '*[^SFPURKVAE]*'),
  amount text not null check (
    length(amount) between 4 and 13 and amount glob '*[0-9].[0-9][0-9]'
    and substr(amount, 1, length(amount) - 3) not glob '*[^0-9]*'
  ),
  currency text not null default 'PHP' check (currency glob '[A-Z][A-Z][A-Z]'),
  description text check (length(description) <= 128),
  email text check (length(email) <= 254),
  param1 text check (length(param1) <= 80),
  param2 text check (length(param2) <= 80),
  procid text check (length(procid) <= 32),
  created_at integer not null default (cast(round(unixepoch('subsec') * 1000) as integer) * 1000),
  modified_at integer not null default (cast(round(unixepoch('subsec') * 1000) as integer) * 1000),
  inquired_at integer,
  inquiry_leased_until integer
) strict`,
      `create index ${index('transactions', '_open')} on ${transactions} (max(modified_at, coalesce(inquired_at, 0)))
  where status in ('P', 'U', 'A')`,
      `create table ${payouts} (
  merchant_txn_id text not null primary key check (length(merchant_txn_id) between 1 and 40),
  refno text check (length(refno) <= 32),
  status text not null default 'P' check (status in ('S', 'F', 'P', 'V', 'G', 'H')),
  reached text not null default '' check (length(reached) <= 6 and reached not glob '*[^SFPVGH]*'),
  amount text not null check (
    length(amount) between 4 and 13 and amount glob '*[0-9].[0-9][0-9]'
    and substr(amount, 1, length(amount) - 3) not glob '*[^0-9]*'
  ),
  currency text not null default 'PHP' check (currency glob '[A-Z][A-Z][A-Z]'),
  description text check (length(description) <= 128),
  user_id text check (length(user_id) <= 40),
  user_name text check (length(user_name) <= 128),
  email text check (length(email) <= 254),
  mobile text check (length(mobile) <= 32),
  procid text check (length(procid) <= 32),
  proc_detail text check (length(proc_detail) <= 64),
  created_at integer not null default (cast(round(unixepoch('subsec') * 1000) as integer) * 1000),
  modified_at integer not null default (cast(round(unixepoch('subsec') * 1000) as integer) * 1000)
) strict`,
      `create table ${callbacks} (
  kind text not null check (kind in ('payment', 'payout')),
  id text not null check (length(id) between 1 and 40),
  refno text not null check (length(refno) <= 32),
  status text not null check (length(status) = 1),
  correction integer not null default 0 check (correction between 0 and 32767),
  fingerprint text not null default '________________________' check (length(fingerprint) = 24),
  first_seen integer not null default (cast(round(unixepoch('subsec') * 1000) as integer) * 1000),
  last_seen integer not null default (cast(round(unixepoch('subsec') * 1000) as integer) * 1000),
  deliveries integer not null default 1 check (deliveries > 0),
  outcome text not null
    check (outcome in ('applied', 'duplicate', 'stale', 'mismatch', 'not-found', 'unrecognized', 'failed')),
  reasons text not null default '[]' check (json_type(reasons) = 'array'),
  proof text not null check (proof in ('rsa', 'hmac', 'sha1', 'inquiry', 'manual')),
  key_id text not null check (length(key_id) <= 64),
  method text check (method in ('GET', 'POST')),
  raw text not null,
  claimed_until integer,
  primary key (id, kind, refno, status, correction, fingerprint)
) strict`,
      `create index ${index('callbacks', '_first_seen')} on ${callbacks} (first_seen)`,
      `create index ${index('callbacks', '_review')} on ${callbacks} (first_seen) where reasons <> '[]'`,
      `create index ${index('callbacks', '_early')} on ${callbacks} (first_seen)
  where outcome in ('not-found', 'failed') and instr(reasons, '"not-found"') > 0`,
    ],
    down: [`drop table ${callbacks}`, `drop table ${payouts}`, `drop table ${transactions}`],
  };
}

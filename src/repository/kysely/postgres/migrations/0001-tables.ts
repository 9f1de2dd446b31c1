import { quoteName, quoteTables, type TableNames, tableName } from '../../table-names.js';

/**
 * Migration 0001: the tables of payments, payouts and callbacks. Released migrations never change: the text is literal,
 * and test/repository/postgres/migrations.test.ts pins its hash.
 */
export function tables0001(names: TableNames): { up: string[]; down: string[] } {
  const { transactions, payouts, callbacks } = quoteTables(names);
  const callbacksName = tableName(names, 'callbacks');
  return {
    up: [
      ...(names.schema === undefined ? [] : [`create schema if not exists ${quoteName(names.schema)}`]),
      `create table ${transactions} (
  txnid varchar(40) collate "C" primary key,
  refno varchar(32) collate "C",
  status char(1) collate "C" not null default 'P' check (status in ('S', 'F', 'P', 'U', 'R', 'K', 'V', 'A', 'E')),
  reached varchar(9) collate "C" not null default '' check (reached ~ '^[SFPURKVAE]*$'),
  amount numeric(12,2) not null check (amount between 0 and 9999999999.99),
  currency char(3) not null default 'PHP' check (currency ~ '^[A-Z]{3}$'),
  description varchar(128),
  email varchar(254),
  param1 varchar(80),
  param2 varchar(80),
  procid varchar(32),
  created_at timestamptz not null default now(),
  modified_at timestamptz not null default now()
) with (fillfactor = 80)`,
      `create table ${payouts} (
  merchant_txn_id varchar(40) collate "C" primary key,
  refno varchar(32) collate "C",
  status char(1) collate "C" not null default 'P' check (status in ('S', 'F', 'P', 'V', 'G', 'H')),
  reached varchar(6) collate "C" not null default '' check (reached ~ '^[SFPVGH]*$'),
  amount numeric(12,2) not null check (amount between 0 and 9999999999.99),
  currency char(3) not null default 'PHP' check (currency ~ '^[A-Z]{3}$'),
  description varchar(128),
  user_id varchar(40),
  user_name varchar(128),
  email varchar(254),
  mobile varchar(32),
  procid varchar(32),
  proc_detail varchar(64),
  created_at timestamptz not null default now(),
  modified_at timestamptz not null default now()
) with (fillfactor = 80)`,
      `create table ${callbacks} (
  kind varchar(7) collate "C" not null check (kind in ('payment', 'payout')),
  id varchar(40) collate "C" not null,
  refno varchar(32) collate "C" not null,
  status char(1) collate "C" not null,
  first_seen timestamptz not null default now(),
  last_seen timestamptz not null default now(),
  deliveries integer not null default 1 check (deliveries > 0),
  outcome varchar(12) not null
    check (outcome in ('applied', 'duplicate', 'stale', 'mismatch', 'not-found', 'unrecognized')),
  reasons text[] not null default '{}',
  proof varchar(4) not null check (proof in ('rsa', 'hmac', 'sha1')),
  key_id varchar(64) not null,
  method varchar(4) not null check (method in ('GET', 'POST')),
  raw text not null,
  primary key (id, kind, refno, status)
) with (fillfactor = 80)`,
      `create index ${quoteName(`${callbacksName}_first_seen`)} on ${callbacks} (first_seen)`,
      `create index ${quoteName(`${callbacksName}_review`)} on ${callbacks} (first_seen) where reasons <> '{}'`,
    ],
    down: [`drop table ${callbacks}`, `drop table ${payouts}`, `drop table ${transactions}`],
  };
}

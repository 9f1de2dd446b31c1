import { quoteTables, type TableNames, tableName } from '../../table-names.js';
import { quoteName } from '../quote-name.js';

/**
 * Migration 0001: the table of payments. Released migrations never change: the text is literal, and
 * test/repository/mysql/migrations.test.ts pins its hash. DDL cannot be rolled back: a migration makes one table.
 *
 * Texts are compared byte by byte, with their trailing spaces. MariaDB and MySQL have different names for this
 * collation. Each server reads the name in its own comment.
 */
export function payments0001(names: TableNames): { up: string[]; down: string[] } {
  const { transactions } = quoteTables(names, quoteName);
  const index = quoteName(`${tableName(names, 'transactions')}_open`);
  return {
    up: [
      ...(names.schema === undefined ? [] : [`create database if not exists ${quoteName(names.schema)}`]),
      `create table ${transactions} (
  txnid varchar(40) not null,
  refno varchar(32),
  status varchar(1) not null default 'P' check (status in ('S', 'F', 'P', 'U', 'R', 'K', 'V', 'A', 'E')),
  reached varchar(9) not null default '' check (reached regexp '^[SFPURKVAE]*$'),
  amount decimal(12,2) not null check (amount between 0 and 9999999999.99),
  currency varchar(3) not null default 'PHP' check (currency regexp '^[A-Z]{3}$'),
  description varchar(128),
  email varchar(254),
  param1 varchar(80),
  param2 varchar(80),
  procid varchar(32),
  created_at datetime(6) not null default (utc_timestamp(6)),
  modified_at datetime(6) not null default (utc_timestamp(6)),
  inquired_at datetime(6),
  inquiry_leased_until datetime(6),
  open_since datetime(6) generated always as
    (case when status in ('P', 'U', 'A') then greatest(modified_at, coalesce(inquired_at, modified_at)) end) stored,
  primary key (txnid),
  index ${index} (open_since)
) engine = InnoDB default character set utf8mb4 /*M! collate utf8mb4_nopad_bin */ /*!80017 collate utf8mb4_0900_bin */`,
    ],
    down: [`drop table ${transactions}`],
  };
}

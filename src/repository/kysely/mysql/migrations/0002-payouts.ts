import { quoteTables, type TableNames } from '../../table-names.js';
import { quoteName } from '../quote-name.js';

/**
 * Migration 0002: the table of payouts. Released migrations never change: the text is literal, and
 * test/repository/mysql/migrations.test.ts pins its hash.
 */
export function payouts0002(names: TableNames): { up: string[]; down: string[] } {
  const { payouts } = quoteTables(names, quoteName);
  return {
    up: [
      `create table ${payouts} (
  merchant_txn_id varchar(40) not null,
  refno varchar(32),
  status varchar(1) not null default 'P' check (status in ('S', 'F', 'P', 'V', 'G', 'H')),
  reached varchar(6) not null default '' check (reached regexp '^[SFPVGH]*$'),
  amount decimal(12,2) not null check (amount between 0 and 9999999999.99),
  currency varchar(3) not null default 'PHP' check (currency regexp '^[A-Z]{3}$'),
  description varchar(128),
  user_id varchar(40),
  user_name varchar(128),
  email varchar(254),
  mobile varchar(32),
  procid varchar(32),
  proc_detail varchar(64),
  created_at datetime(6) not null default (utc_timestamp(6)),
  modified_at datetime(6) not null default (utc_timestamp(6)),
  primary key (merchant_txn_id)
) engine = InnoDB default character set utf8mb4 /*M! collate utf8mb4_nopad_bin */ /*!80017 collate utf8mb4_0900_bin */`,
    ],
    down: [`drop table ${payouts}`],
  };
}

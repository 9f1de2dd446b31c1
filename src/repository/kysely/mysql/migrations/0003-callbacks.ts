import { quoteTables, type TableNames, tableName } from '../../table-names.js';
import { quoteName } from '../quote-name.js';

/**
 * Migration 0003: the table of callbacks, the inbox. Released migrations never change: the text is literal, and
 * test/repository/mysql/migrations.test.ts pins its hash.
 */
export function callbacks0003(names: TableNames): { up: string[]; down: string[] } {
  const { callbacks } = quoteTables(names, quoteName);
  const index = (ending: string) => quoteName(tableName(names, 'callbacks') + ending);
  return {
    up: [
      `create table ${callbacks} (
  kind varchar(7) not null check (kind in ('payment', 'payout')),
  id varchar(40) not null,
  refno varchar(32) not null,
  status varchar(1) not null,
  first_seen datetime(6) not null default (utc_timestamp(6)),
  last_seen datetime(6) not null default (utc_timestamp(6)),
  deliveries integer not null default 1 check (deliveries > 0),
  outcome varchar(12) not null
    check (outcome in ('applied', 'duplicate', 'stale', 'mismatch', 'not-found', 'unrecognized', 'failed')),
  reasons varchar(128) not null default '',
  proof varchar(10) not null check (proof in ('rsa', 'hmac', 'sha1', 'inquiry', 'manual')),
  key_id varchar(64) not null,
  method varchar(4) check (method in ('GET', 'POST')),
  raw mediumtext not null,
  correction smallint not null default 0 check (correction >= 0),
  claimed_until datetime(6),
  fingerprint varchar(24) not null default '________________________',
  review_at datetime(6) generated always as (if(reasons = '', null, first_seen)) stored,
  early_at datetime(6) generated always as
    (if(outcome in ('not-found', 'failed') and find_in_set('not-found', reasons), first_seen, null)) stored,
  primary key (id, kind, refno, status, correction, fingerprint),
  index ${index('_first_seen')} (first_seen),
  index ${index('_review')} (review_at),
  index ${index('_early')} (early_at)
) engine = InnoDB default character set utf8mb4 /*M! collate utf8mb4_nopad_bin */ /*!80017 collate utf8mb4_0900_bin */`,
    ],
    down: [`drop table ${callbacks}`],
  };
}

import { CompiledQuery, type Kysely } from 'kysely';
import { openStatuses } from '../../../../protocol/statuses.js';
import type { InquiryClaim } from '../../../capabilities.js';
import { inMicroseconds } from '../stored-rows.js';

const open = openStatuses.map((status) => `'${status}'`).join(', ');

/** The payments that may be asked about: the predicate of the index that migration 0002 makes. */
const isOpen = `status in (${open})`;

/** The time of the last callback or inquiry of a payment: the key of the same index. */
const lastNews = 'greatest(modified_at, inquired_at)';

const isFree = '(inquiry_leased_until is null or inquiry_leased_until <= now())';

/**
 * The statements by which processes share the open payments. Each is one short statement: what it locks, it lets go of
 * at its end. The lease, not the lock, keeps others away during the call. A row that another process claims at the same
 * moment is locked and skipped; one that it has just claimed is tested again by its new version and falls out.
 */
export class InquiryClaims<Database> {
  readonly #db: Kysely<Database>;
  readonly #oldest: string;
  readonly #byId: string;
  readonly #finish: string;

  /** @param table the payments' table, quoted */
  constructor(db: Kysely<Database>, table: string) {
    this.#db = db;
    const claim = (name: string, condition: string) => `/* dragonpay-${name} */ with due as (
  select txnid from ${table} where ${condition}
  limit 1 for no key update skip locked
)
update ${table} t set inquiry_leased_until = now() + $1::bigint * interval '1 millisecond'
from due where t.txnid = due.txnid
returning t.txnid, ${inMicroseconds('t.inquiry_leased_until')} as lease`;
    const oldEnough = `${lastNews} <= now() - $2::bigint * interval '1 millisecond'`;
    this.#oldest = claim('claim-oldest', `${isOpen} and ${isFree} and ${oldEnough} order by ${lastNews}`);
    this.#byId = claim('claim', `txnid = $2 and ${isFree}`);
    this.#finish = `/* dragonpay-inquired */ update ${table}
set inquired_at = now(), inquiry_leased_until = null
where txnid = $1 and ${inMicroseconds('inquiry_leased_until')} = $2`;
  }

  async oldest(olderThan: number, lease: number): Promise<InquiryClaim | undefined> {
    return (await this.#run(this.#oldest, [wholeText(lease), wholeText(olderThan)]))[0];
  }

  async byId(txnid: string, lease: number): Promise<InquiryClaim | undefined> {
    return (await this.#run(this.#byId, [wholeText(lease), txnid]))[0];
  }

  async finish({ txnid, lease }: InquiryClaim): Promise<void> {
    await this.#run(this.#finish, [txnid, lease]);
  }

  async #run(statement: string, parameters: readonly string[]): Promise<InquiryClaim[]> {
    const { rows } = await this.#db.executeQuery<InquiryClaim>(CompiledQuery.raw(statement, [...parameters]));
    return rows;
  }
}

function wholeText(milliseconds: number): string {
  return String(Math.ceil(milliseconds));
}

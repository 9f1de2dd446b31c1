import type { Kysely, Transaction } from 'kysely';
import { DragonpayCallback, OnStatus } from '../../src/index.js';
import { KyselyRepository, type RepositoryDialect, type StoredCallback } from '../../src/kysely.js';
import { dispatchSigned, testEndpoint } from './dispatch-signed.js';

/** An endpoint whose method does some work, over a database. */
export interface WorkingShop {
  /** The messages of the errors that occurred, with the messages of their causes. */
  readonly failures: readonly string[];
  /** Delivers the status S. Resolves to the HTTP status of the reply. */
  pay(txnid: string): Promise<number>;
}

/** @param handlerMilliseconds how long the method may take */
export function openShop<Database>(
  db: Kysely<Database>,
  work: (trx: Transaction<Database>, txnid: string) => unknown,
  handlerMilliseconds: number,
  dialect?: RepositoryDialect,
): WorkingShop {
  @DragonpayCallback()
  class Shop {
    @OnStatus('S') async ship({ trx, data: { txnid } }: StoredCallback<'S', Database>) {
      await work(trx, txnid);
    }
  }
  const failures: string[] = [];
  const hear = ({ error }: { readonly error?: unknown }) => void failures.push(messageOf(error));
  const endpoint = testEndpoint(Shop, {
    repository: new KyselyRepository<Database>(db, dialect && { dialect }),
    limits: { handlerMilliseconds, storeMilliseconds: 2_000 },
    hooks: { stored: hear, handlerFailed: hear },
  });
  return {
    failures,
    pay: async (txnid) => (await dispatchSigned(endpoint, { txnid, refno: 'R-1', status: 'S', message: '' })).status,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? [error.message, messageOf(error.cause)].join(' ') : '';
}

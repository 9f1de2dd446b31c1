import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launchBrowser } from './browser.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { freePorts, killShops, makeDataFolder, type ShopProcess, startShop } from './shop-process.js';

/** A demo shop that runs in a process of its own, and a browser that looks at it. */
export interface ShopInBrowser {
  readonly shop: ShopProcess;
  /** The page of the payer. Each test has a new one. */
  readonly page: Page;
  /** The shop's list of orders. It is opened once and never reloaded. */
  readonly list: Page;
  openPage(options?: BrowserContextOptions): Promise<Page>;
  /** Waits until the list of orders shows these statuses. The list must not have been reloaded. */
  listSays(txnid: string, payment: string, order: 'open' | 'paid'): Promise<void>;
  /** Stops the shop and starts it on the same port, with the same database. */
  restart(): Promise<void>;
  /** The stored status of a payment and its callbacks, oldest first. */
  storedOf(txnid: string): Promise<{ status: string; isPaid: boolean; paidAt: string | null; events: string[] }>;
}

/** Describes the demo shop in a browser, on PostgreSQL. The tests are skipped if there is no browser. */
export function describeShop(title: string, tests: (on: ShopInBrowser) => void): void {
  describe(title, function () {
    // The browser may run on a busy machine.
    this.timeout(120_000);
    this.slow(10_000);
    let browser: Browser | undefined;
    let database: TestDatabase;
    let dataFolder: string;
    let shop: ShopProcess;
    let page: Page;
    let list: Page;

    before(async function () {
      browser = await launchBrowser();
      if (browser === undefined) return this.skip();
      database = await createTestDatabase();
      dataFolder = await makeDataFolder();
      await start(await freePorts());
      list = await openPage();
      await list.goto(shop.url);
      await list.evaluate('window.isTheSame = true');
    });
    beforeEach(async () => {
      page = await openPage();
    });
    afterEach(() => page?.context().close());
    after(async () => {
      await browser?.close();
      await killShops();
      await database?.destroy();
      if (dataFolder !== undefined) await rm(dataFolder, { recursive: true, force: true });
    });

    async function start(port: string): Promise<void> {
      shop = await startShop({ DATABASE_URL: database.url, SHOP_DATA: dataFolder, PORT: port });
    }

    async function openPage(options: BrowserContextOptions = {}): Promise<Page> {
      const context = await (browser as Browser).newContext(options);
      context.setDefaultTimeout(20_000);
      return context.newPage();
    }

    tests({
      get shop() {
        return shop;
      },
      get page() {
        return page;
      },
      get list() {
        return list;
      },
      openPage,
      async listSays(txnid, payment, order) {
        const row = list.getByRole('row').filter({ hasText: txnid });
        await row.filter({ hasText: payment }).filter({ hasText: order }).waitFor();
        expect(await list.evaluate('window.isTheSame'), 'the list was not loaded again').to.equal(true);
      },
      async restart() {
        expect((await shop.stop()).stderr).to.equal('');
        await start(new URL(shop.url).port);
      },
      async storedOf(txnid) {
        const row = (await (await fetch(`${shop.url}/transactions/${txnid}`)).json()) as {
          status: string;
          paidAt: string | null;
          callbacks: { status: string; outcome: string; deliveries: number; proof: string; firstSeen: string }[];
        };
        const callbacks = row.callbacks.toSorted((one, other) => one.firstSeen.localeCompare(other.firstSeen));
        const events = callbacks.map((event) => `${event.status} ${event.outcome} ${event.deliveries} ${event.proof}`);
        return { status: row.status, isPaid: row.paidAt !== null, paidAt: row.paidAt, events };
      },
    });
  });
}

import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDragonpay } from 'dragonpay-callback';
import { KyselyRepository } from 'dragonpay-callback/kysely';
import { CheckoutCallback, CheckoutCallbackOnGet } from './checkout-callback.js';
import { type OpenDatabase, openDatabase } from './database.js';
import { logCallbacks, oneLine } from './log.js';
import { findMerchant, type Merchant } from './merchant.js';
import { OrderBook } from './order-book.js';
import { paymentGateway } from './payment-gateway.js';
import { servers } from './servers.js';
import { Shop } from './shop.js';
import { type ShopSettings, shopSettings, urlOf } from './shop-settings.js';

/** A shop that is open. */
export interface RunningShop {
  /** Takes nothing new, finishes what is under way, and closes the database. */
  stop(): Promise<void>;
}

/** Starts the shop, and a sandbox beside it unless the environment names a merchant. Where that fails, nothing is left running. */
export async function startShop(env: NodeJS.ProcessEnv = process.env): Promise<RunningShop> {
  const asked = shopSettings(env);
  // The port first: a start that is in vain should not cost the start of a database. Early requests wait.
  let serve: (listener: RequestListener) => void = () => {};
  const listener = new Promise<RequestListener>((resolve) => {
    serve = resolve;
  });
  const server = createServer(async (request, response) => (await listener)(request, response));
  const settings = { ...asked, port: await listen(server, asked) };
  let merchant: Merchant | undefined;
  let database: OpenDatabase | undefined;
  try {
    merchant = await findMerchant(env, settings);
    database = await openDatabase(settings);
    const { sandbox } = merchant;
    const { db, close } = database;
    const repository = new KyselyRepository(db);
    const dragonpay = createDragonpay({ ...merchant.settings, repository, hooks: logCallbacks });
    const endpoint = dragonpay.endpoint(settings.updateOnGet ? CheckoutCallbackOnGet : CheckoutCallback);
    const about = { url: urlOf(settings), isSandbox: sandbox !== undefined };
    const shop = new Shop(new OrderBook(db, repository), paymentGateway(merchant.settings, dragonpay), about);
    serve(servers[settings.server](endpoint, shop));
    if (sandbox) console.log(`Dragonpay is played by a sandbox: ${sandbox.url}`);
    console.log(`The shop is open: ${about.url} (${settings.server}); ^C closes it.`);
    return {
      stop: async () => {
        const ended = once(server, 'close');
        server.close();
        await dragonpay.close();
        await sandbox?.close();
        await Promise.race([ended, sleep(5_000, undefined, { ref: false })]);
        server.closeAllConnections();
        await close();
      },
    };
  } catch (error) {
    server.close();
    server.closeAllConnections();
    await merchant?.sandbox?.close();
    await database?.close();
    throw error;
  }
}

/** @returns the port, also where any was asked for */
async function listen(server: Server, { host, port }: ShopSettings): Promise<number> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    throw new Error(isTaken ? `port ${port} is taken: choose another with PORT` : oneLine(error), { cause: error });
  }
  return (server.address() as AddressInfo).port;
}

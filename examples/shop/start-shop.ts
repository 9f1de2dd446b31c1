import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDragonpay } from 'dragonpay-callback';
import { CheckoutCallback, CheckoutCallbackOnGet } from './checkout-callback.js';
import { type OpenDatabase, openDatabase } from './database.js';
import { logCallbacks, oneLine } from './log.js';
import { findMerchant, type Merchant } from './merchant.js';
import { OrderBook } from './order-book.js';
import { paymentGateway } from './payment-gateway.js';
import { servers } from './servers.js';
import { Shop } from './shop.js';
import { type ShopSettings, shopSettings, urlOf } from './shop-settings.js';

/** A running shop. */
export interface RunningShop {
  /** Stops accepting requests, finishes the ones under way, and closes the database. */
  stop(): Promise<void>;
}

/** Starts the shop, and a sandbox unless the environment names a merchant. If that fails, nothing keeps running. */
export async function startShop(env: NodeJS.ProcessEnv = process.env): Promise<RunningShop> {
  const asked = shopSettings(env);
  // The port comes first: if it is in use, no database has to start. Early requests wait.
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
    const { db, repository, close } = database;
    const dragonpay = createDragonpay({ ...merchant.settings, repository, hooks: logCallbacks });
    const endpoint = dragonpay.endpoint(settings.updateOnGet ? CheckoutCallbackOnGet : CheckoutCallback);
    // Applies the callbacks that came before the transaction of their order had committed.
    dragonpay.keepUp();
    const about = { url: urlOf(settings), isSandbox: sandbox !== undefined };
    const shop = new Shop(new OrderBook(db, repository), paymentGateway(merchant.settings, dragonpay), about);
    serve(servers[settings.server](endpoint, shop));
    if (sandbox) console.log(`A sandbox plays Dragonpay. Open the sandbox: ${sandbox.url}`);
    console.log(`The shop is open: ${about.url} (${settings.server}). Press Ctrl-C to close it.`);
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

/** Listens, and resolves to the port, which matters for port 0. */
async function listen(server: Server, { host, port }: ShopSettings): Promise<number> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    throw new Error(isTaken ? `port ${port} is in use: set PORT to another port` : oneLine(error), { cause: error });
  }
  return (server.address() as AddressInfo).port;
}

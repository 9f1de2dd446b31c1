import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How the shop is served, and where its data is. */
export interface ShopSettings {
  /** `SERVER`: express, koa or node. */
  readonly server: 'express' | 'koa' | 'node';
  /** `HOST`, `PORT`: 127.0.0.1 and 3000; port 0 is any free one. */
  readonly host: string;
  readonly port: number;
  /** The port after it. */
  readonly sandboxPort: number;
  /** `SHOP_DATA`: the folder of the embedded PostgreSQL. */
  readonly dataFolder: string;
  /** `DATABASE_URL`: a PostgreSQL of one's own. */
  readonly databaseUrl: string | undefined;
  /** `UPDATE_ON_GET`: whether a GET moves the row as well. */
  readonly updateOnGet: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the shop's own variables. Those of Dragonpay are read in `merchant.ts`. */
export function shopSettings(env: Environment = process.env): ShopSettings {
  const projectRoot = fileURLToPath(new URL('../..', import.meta.url));
  const port = portOf(env.PORT || '3000');
  return {
    server: oneOf(env, 'SERVER', ['express', 'koa', 'node']),
    host: env.HOST || '127.0.0.1',
    port,
    sandboxPort: port === 0 ? 0 : port + 1,
    dataFolder: env.SHOP_DATA ? resolve(env.SHOP_DATA) : join(projectRoot, '.data'),
    databaseUrl: env.DATABASE_URL || undefined,
    updateOnGet: oneOf(env, 'UPDATE_ON_GET', ['false', 'true']) === 'true',
  };
}

function oneOf<Choice extends string>(env: Environment, name: string, choices: readonly [Choice, ...Choice[]]): Choice {
  const choice = choices.find((each) => each === (env[name] || choices[0]).toLowerCase());
  if (choice === undefined) throw new Error(`${name} is none of ${choices.join(', ')}`);
  return choice;
}

function portOf(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_534) throw new Error('PORT is no port number');
  return Number(text);
}

/** The address that a client on this machine uses: a server on all addresses is asked on the loopback one. */
export function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

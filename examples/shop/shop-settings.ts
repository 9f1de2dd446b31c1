import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The settings of the shop. */
export interface ShopSettings {
  /** `SERVER`: express, koa or node. */
  readonly server: 'express' | 'koa' | 'node';
  /** `HOST` and `PORT`. Default: 127.0.0.1 and 3000. Port 0 is any free port. */
  readonly host: string;
  readonly port: number;
  /** `PORT` + 1. */
  readonly sandboxPort: number;
  /** `DATABASE`: sqlite, a file, or postgres, an embedded server. Default: sqlite, or postgres with a `DATABASE_URL`. */
  readonly database: 'sqlite' | 'postgres';
  /** `SHOP_DATA`: the folder of the file, or of the embedded PostgreSQL. Default: `.data`. Delete it to start afresh. */
  readonly dataFolder: string;
  /** `DATABASE_URL`: your PostgreSQL instead of the embedded one. */
  readonly databaseUrl: string | undefined;
  /** `UPDATE_ON_GET`: whether a GET updates the row too. */
  readonly updateOnGet: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the variables of the shop. `merchant.ts` reads those of Dragonpay. @throws Error which names the variable */
export function shopSettings(env: Environment = process.env): ShopSettings {
  const projectRoot = fileURLToPath(new URL('../..', import.meta.url));
  const port = portOf(env.PORT || '3000');
  return {
    server: oneOf(env, 'SERVER', ['express', 'koa', 'node']),
    host: env.HOST || '127.0.0.1',
    port,
    sandboxPort: port === 0 ? 0 : port + 1,
    database: oneOf(env, 'DATABASE', env.DATABASE_URL ? ['postgres'] : ['sqlite', 'postgres']),
    dataFolder: env.SHOP_DATA ? resolve(env.SHOP_DATA) : join(projectRoot, '.data'),
    databaseUrl: env.DATABASE_URL || undefined,
    updateOnGet: oneOf(env, 'UPDATE_ON_GET', ['false', 'true']) === 'true',
  };
}

function oneOf<Choice extends string>(env: Environment, name: string, choices: readonly [Choice, ...Choice[]]): Choice {
  const choice = choices.find((each) => each === (env[name] || choices[0]).toLowerCase());
  if (choice === undefined) throw new Error(`${name} must be one of ${choices.join(', ')}`);
  return choice;
}

function portOf(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_534) throw new Error('PORT must be a port, 0 to 65534');
  return Number(text);
}

/** The URL for a client on this machine. If the server listens on all addresses, it is the loopback address. */
export function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

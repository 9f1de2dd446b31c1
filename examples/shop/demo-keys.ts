import { generateKeyPair, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Keys of the demo's own: one for each proof, known to the shop and to `npm run demo:callback`, and to nobody else. */
export interface DemoKeys {
  /** PEM. */
  readonly publicKey: string;
  readonly privateKey: string;
  readonly hmacKey: string;
  readonly secretKey: string;
}

/** The demo keys of a data folder; `undefined` when the shop has made none. */
export async function readDemoKeys(dataFolder: string): Promise<DemoKeys | undefined> {
  const file = fileIn(dataFolder);
  try {
    return JSON.parse(await readFile(file, 'utf8')) as DemoKeys;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Error(`${file} cannot be read: delete it, and start the shop again`, { cause: error });
  }
}

/** The demo keys of a data folder, made at the first start. */
export async function makeDemoKeys(dataFolder: string): Promise<DemoKeys> {
  const existing = await readDemoKeys(dataFolder);
  if (existing !== undefined) return existing;
  const pair = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const keys: DemoKeys = { ...pair, hmacKey: randomSecret(), secretKey: randomSecret() };
  const file = fileIn(dataFolder);
  const draft = `${file}.${process.pid}`;
  await mkdir(dataFolder, { recursive: true });
  await writeFile(draft, JSON.stringify(keys, null, 2), { mode: 0o600 });
  // Whole or not at all, and the first of two shops that start together wins.
  await link(draft, file).catch(() => undefined);
  await rm(draft);
  return (await readDemoKeys(dataFolder)) ?? keys;
}

function fileIn(dataFolder: string): string {
  return join(dataFolder, 'demo-keys.json');
}

function randomSecret(): string {
  return randomBytes(24).toString('base64url');
}

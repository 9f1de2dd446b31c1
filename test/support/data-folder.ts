import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder that the user of a database server can enter: as root, servers run as another user. */
export async function makeServerFolder(purpose: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `dragonpay-callback-${purpose}-`));
  await chmod(folder, 0o755);
  return folder;
}

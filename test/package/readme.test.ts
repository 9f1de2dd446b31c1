import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { sql } from 'kysely';
import { createMigrations, KyselyRepository } from '../../src/kysely.js';
import type { UpdateOutcome } from '../../src/model/callback-update.js';
import type { CallbackKind } from '../../src/protocol/kinds.js';
import { paymentStatuses, payoutStatuses, predecessors } from '../../src/protocol/statuses.js';
import { replyTo } from '../../src/response/default-replies.js';
import { resolveSettings } from '../../src/settings/resolve-settings.js';
import { encodeCallback, signCallback, startSandbox } from '../../src/testing.js';
import { runCommand, startCli } from '../support/cli.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { anchorsOf, codeBlocks, inBackticks, type Page, proseOf, readPages, tableRows } from '../support/markdown.js';
import { answers, type Program, root, runProgram } from '../support/program.js';

const run = promisify(execFile);

/** Names that the code blocks use without declaring them. */
const prelude = `
import type { Server } from 'node:http';
import type { CallbackEndpoint, Dragonpay, DragonpaySettings, HandlerClass, MemoryRepository } from 'dragonpay-callback';
import type { DragonpayTables, KyselyRepository } from 'dragonpay-callback/kysely';
import type { AdapterServer } from 'dragonpay-callback/testing';
import type { Express } from 'express';
import type { Kysely } from 'kysely';

declare global {
  interface Database extends DragonpayTables { orders: { txnid: string; paid: boolean } }
  const db: Kysely<Database>;
  const repository: KyselyRepository<Database>;
  const settings: DragonpaySettings;
  const dragonpay: Dragonpay;
  const CheckoutCallback: HandlerClass;
  const app: Express;
  const server: Server;
  const MyRepository: typeof MemoryRepository;
  const serve: (endpoint: CallbackEndpoint) => Promise<AdapterServer>;
  class Mailer { thank(): Promise<void> }
}
`;

describe('Documentation', function () {
  this.timeout(60_000);
  let pages: Page[];
  let readme: Page;
  let settingsPage: Page;
  let storagePage: Page;
  let handlersPage: Page;
  let demoPage: Page;
  let folder: string;

  before(async () => {
    pages = await readPages();
    const pageAt = (path: string): Page => {
      const page = pages.find((each) => each.path === path);
      if (page === undefined) throw new Error(`${path} is missing`);
      return page;
    };
    readme = pageAt('README.md');
    settingsPage = pageAt('docs/settings.md');
    storagePage = pageAt('docs/storage.md');
    handlersPage = pageAt('docs/handlers.md');
    demoPage = pageAt('docs/demo.md');
    folder = await mkdtemp(join(tmpdir(), 'dragonpay-callback-readme-'));
    const compilerOptions = { rootDir: '/', noUnusedLocals: false, noUnusedParameters: false };
    const tsconfig = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'], exclude: [] };
    await Promise.all([
      symlink(join(root, 'node_modules'), join(folder, 'node_modules')),
      writeFile(join(folder, 'package.json'), '{ "type": "module" }'),
      writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig)),
    ]);
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('contains TypeScript that compiles, and all names of settings and outcomes', async () => {
    const sources = new Map([['prelude.ts', prelude]]);
    for (const page of pages) {
      for (const { language, code, line } of codeBlocks(page)) {
        if (language === 'ts') sources.set(`${page.path.replace('/', '-')}-${line}.ts`, `${code}\nexport {};\n`);
      }
    }
    const blocks = sources.size;
    expect(blocks, 'blocks were found').to.be.greaterThan(10);
    sources.set('names-settings.ts', settingNames(namesOf(settingsPage, 'setting')));
    sources.set('outcomes.ts', outcomeNames(namesOf(handlersPage, 'outcome')));
    await Promise.all([...sources].map(([file, source]) => writeFile(join(folder, file), source)));
    const { stdout } = await run(join(root, 'node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false']).catch(
      (error) => error as { stdout: string },
    );
    expect(stdout).to.equal('');
  });

  it('names all environment variables that are read, and no others', async () => {
    const source = await readFile(join(root, 'src/settings/settings-from-env.ts'), 'utf8');
    const read = new Set(source.match(/(?<=')DRAGONPAY_\w+(?=')/g));
    expect(namesOf(settingsPage, 'variable')).to.have.members([...read]);
    const djangoPage = pages.find(({ path }) => path === 'docs/coming-from-django-dragonpay.md') as Page;
    const known = [...read, ...tableRows(djangoPage, 'Django setting').flatMap(([cell = '']) => inBackticks(cell))];
    for (const { path, text } of pages) {
      for (const name of text.match(/DRAGONPAY_[A-Z_]*[A-Z]/g) ?? []) {
        expect(path === djangoPage.path ? known : [...read], path).to.include(name);
      }
    }
  });

  it('names the environment variables of the demo shop', async () => {
    const shop = join(root, 'examples/shop');
    const files = (await readdir(shop)).filter((file) => file.endsWith('.ts'));
    const source = (await Promise.all(files.map((file) => readFile(join(shop, file), 'utf8')))).join('\n');
    const names = ['SERVER', 'HOST', 'PORT', 'DATABASE_URL', 'UPDATE_ON_GET', 'SHOP_DATA'];
    for (const name of names) {
      expect(settingsPage.text, name).to.include(`\`${name}\``);
      expect(source, name).to.match(new RegExp(`env\\.${name}\\b|'${name}'`));
    }
  });

  it('states the defaults of the limits', () => {
    const { limits } = resolveSettings({
      merchantId: 'ACME',
      environment: 'test',
      payout: { sha1: { secretKeys: ['a secret'] } },
    });
    const told = tableRows(settingsPage, 'setting')
      .map(([name = '', value = '']) => [inBackticks(name)[0]?.replace('limits.', ''), Number(value)] as const)
      .filter(([name]) => name !== undefined && Object.hasOwn(limits, name));
    expect(Object.fromEntries(told)).to.deep.equal(limits);
  });

  it('states the default reply to each outcome', () => {
    for (const [outcome = '', , told = ''] of tableRows(handlersPage, 'outcome')) {
      const { status, body } = replyTo(undefined, inBackticks(outcome)[0] as UpdateOutcome);
      const answers = status === 200 ? `200 \`${body}\`` : `${status},`;
      expect(told.slice(0, answers.length), outcome).to.equal(answers);
    }
  });

  for (const [kind, statuses] of [
    ['payment', paymentStatuses],
    ['payout', payoutStatuses],
  ] as const) {
    it(`states which status of a ${kind} may follow which`, () => {
      const letters = Object.keys(statuses);
      const told = tableRows(storagePage, `${kind} is`).flatMap(([from = '', to = '']) =>
        statusesIn(from).map((status) => [
          status,
          to.startsWith('anything else') ? letters.filter((letter) => letter !== status) : statusesIn(to),
        ]),
      );
      expect(Object.fromEntries(told)).to.deep.equal(
        Object.fromEntries(letters.map((from) => [from, letters.filter((to) => mayFollow(kind, from, to))])),
      );
    });
  }

  it('names the columns of each table', () => {
    const ddl = createMigrations().toSQL();
    for (const [table = '', , columns = ''] of tableRows(storagePage, 'table')) {
      const name = inBackticks(table)[0] ?? '';
      const body = new RegExp(`create table "${name}" \\((.*?)^\\)`, 'ms').exec(ddl)?.[1] ?? '';
      const made = [...body.matchAll(/^ {2}(\w+) (?!key)/gm)].map((match) => match[1]);
      const key = name === 'dragonpay_callbacks' ? ['kind', 'id', 'refno', 'status'] : [];
      expect([...key, ...inBackticks(columns)], name).to.deep.equal(made);
    }
  });

  it('contains no broken link', () => {
    for (const page of pages) {
      for (const target of linksOf(page)) {
        const [file = '', anchor] = target.split('#');
        const path = file === '' ? page.path : normalize(join(dirname(page.path), file));
        expect(existsSync(join(root, path)), `${page.path} links to ${target}`).to.equal(true);
        if (anchor === undefined) continue;
        const linked = pages.find((each) => each.path === path);
        expect(linked && anchorsOf(linked), `${page.path} links to ${target}`).to.include(anchor);
      }
    }
  });

  it('links from packed pages to packed files only', async () => {
    const { files } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { files: string[] };
    const packed = [...files, 'README.md', 'LICENSE', 'package.json'];
    const isPacked = (path: string) => packed.some((entry) => path === entry || path.startsWith(`${entry}/`));
    for (const page of pages.filter(({ path }) => isPacked(path))) {
      for (const target of linksOf(page)) {
        const path = normalize(join(dirname(page.path), target.split('#')[0] ?? ''));
        if (!target.startsWith('#')) expect(isPacked(path), `${page.path} links to ${target}`).to.equal(true);
      }
    }
  });

  it('names only files that exist', () => {
    for (const { path, text } of pages) {
      for (const name of text.match(/(?<![\w./-])(?:src|adapters|examples|docs|test)\/[\w-]+(?:[/.][\w-]+)*/g) ?? []) {
        expect(existsSync(join(root, name)), `${path} names ${name}`).to.equal(true);
      }
    }
  });

  it('lists every room of src in CONTRIBUTING.md', async () => {
    const entries = await readdir(join(root, 'src'), { withFileTypes: true });
    const rooms = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `src/${name}`);
    const contributing = pages.find(({ path }) => path === 'CONTRIBUTING.md') as Page;
    const listed = tableRows(contributing, 'room').map(([cell = '']) => inBackticks(cell)[0]);
    expect(listed.filter((room) => !['src/errors.ts', 'adapters'].includes(room ?? ''))).to.have.members(rooms);
  });

  it('names only npm scripts that exist', async () => {
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const given = pages.flatMap(({ text }) => [...text.matchAll(/\bnpm (?:run ([\w:]+)|(start|test)\b)/g)]);
    const named = new Set(given.map((match) => match[1] ?? match[2]));
    expect([...named]).to.include.members(['start', 'test']);
    for (const name of named) expect(scripts).to.have.property(name as string);
  });

  it('signs with openssl as the testing kit does', async () => {
    const script = codeBlocks(demoPage).find(({ code }) => code.includes('openssl'))?.code ?? '';
    const [command = ''] = /^digest=.*$/m.exec(script) ?? [];
    const txnid = 'BY-HAND-1';
    const { stdout } = await run('sh', ['-c', `${command}\nprintf %s "$digest"`], { env: { ...process.env, txnid } });
    const [, secretKey = ''] = /DRAGONPAY_SECRET_KEYS='(.+?)'/.exec(script) ?? [];
    const [, form = ''] = /-d "(txnid=.+)&digest=\$digest"/.exec(script) ?? [];
    const fields = Object.fromEntries(new URLSearchParams(form.replace('$txnid', txnid)));
    expect(stdout).to.equal(signCallback(fields, { sha1: { secretKey } }).digest);
  });

  it('has a first example in the README that works with the sandbox as written', async () => {
    const [section = ''] = readme.text.split('## With Express and PostgreSQL');
    const [, code = ''] = /```ts\n(.*?)```/s.exec(section) ?? [];
    const [server, gateway] = [await freePort(), await freePort()];
    const moved = (text: string) => text.replaceAll('3000', String(server)).replaceAll('4000', String(gateway));
    const [, command = ''] = /^npx dragonpay-callback (sandbox .+)$/m.exec(section) ?? [];
    const [, name = ''] = /^npx tsx (server\.\w+)$/m.exec(section) ?? [];
    const empty = await mkdtemp(join(tmpdir(), 'dragonpay-callback-empty-'));
    await writeFile(join(empty, 'package.json'), '{}'); // as `npm install` makes it
    await symlink(join(root, 'node_modules'), join(empty, 'node_modules'));
    const file = join(empty, name);
    const database = join(empty, 'shop.db');
    await writeFile(file, moved(code).replace("'shop.db'", JSON.stringify(database)));
    const [, url = '', migrate = ''] = /^DATABASE_URL=(\S+) npx dragonpay-callback (.+)$/m.exec(section) ?? [];
    const migrated = await runCommand(migrate.split(' '), { DATABASE_URL: url.replace('shop.db', database) });
    expect(migrated.stderr).to.equal('');
    const sandbox = startCli([...moved(command).split(' '), '--port', String(gateway)]);
    const program = runProgram(file, { TSX_TSCONFIG_PATH: join(folder, 'tsconfig.json') });
    try {
      for (const port of [server, gateway]) await answers(`http://127.0.0.1:${port}/`, program);
      for (const [line] of section.matchAll(/^curl .+$/gm)) await run('sh', ['-c', moved(line)]);
      await program.printed(/^Ship the order BK-1$/m);
    } finally {
      sandbox.child.kill();
      await sandbox.ended;
      await program.stop();
      await rm(empty, { recursive: true });
    }
  });

  it('has code in the README that asks the sandbox for a payment', async () => {
    const [, section = ''] = readme.text.split('## Ask Dragonpay for a payment\n');
    const [, code = ''] = /```ts\n(.*?)```/s.exec(section) ?? [];
    const sandbox = await startSandbox();
    try {
      const { merchantId, apiKey } = sandbox.settings;
      const file = join(folder, 'request-payment.ts');
      const settings = `Object.assign(process.env, ${JSON.stringify({ DRAGONPAY_MERCHANT_ID: merchantId, DRAGONPAY_API_KEY: apiKey })});`;
      const payment = { txnid: 'README-1', amount: '250.00', description: 'A book', email: 'reader@example.com' };
      const calls = `console.log('pay at', await requestPayment(${JSON.stringify(payment)}));
await requestPayment(${JSON.stringify(payment)}).catch((error: Error) => console.log('again:', error.message));`;
      await writeFile(file, `${settings}\n${code.replace('https://test.dragonpay.ph', sandbox.url)}\n${calls}\n`);
      const program = runProgram(file, { TSX_TSCONFIG_PATH: join(folder, 'tsconfig.json') });
      const [, url = ''] = await program.printed(/^pay at (.+)$/m);
      expect(await (await fetch(url)).text()).to.include('250.00');
      await program.printed(/^again: .+$/m);
      await program.stop();
    } finally {
      await sandbox.close();
    }
  });

  describe('README example with PostgreSQL', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    let fields: Record<string, string>;
    let database: TestDatabase;
    let program: Program | undefined;
    let url: string;

    before(async () => {
      database = await createTestDatabase();
      await sql`create table orders (txnid text primary key, paid boolean not null)`.execute(database.db);
      await sql`insert into orders values ('another', false)`.execute(database.db);
      const block = codeBlocks(readme).find(({ code }) => code.includes('PostgresDialect'));
      const file = join(folder, 'readme-example.ts');
      await writeFile(file, block?.code ?? '');
      const port = await freePort();
      const origin = `http://127.0.0.1:${port}`;
      url = `${origin}/dragonpay/callback`;
      program = runProgram(file, {
        PORT: String(port),
        DATABASE_URL: database.url,
        DRAGONPAY_MERCHANT_ID: 'ACME',
        DRAGONPAY_ENVIRONMENT: 'test',
        DRAGONPAY_PUBLIC_KEYS: publicKey,
        TSX_TSCONFIG_PATH: join(folder, 'tsconfig.json'),
      });
      await answers(url, program);
      const made = await fetch(`${origin}/orders`, { method: 'POST' });
      const { txnid } = (await made.json()) as { txnid: string };
      fields = { txnid, refno: 'REFNO123', status: 'S', message: 'Paid: ñ', merchantid: 'ACME', amount: '250.00' };
    });
    after(async () => {
      await program?.stop();
      await database?.destroy();
    });

    it('refuses a forgery and stores nothing', async () => {
      const forged = { ...signCallback({ ...fields, status: 'F' }, { rsa: { privateKey } }), status: 'S' };
      expect(await post(url, forged)).to.equal('400 error=proof-mismatch');
      expect(await post(url, fields)).to.equal('400 error=proof-missing');
      expect(await states()).to.deep.equal({ row: 'P', paid: [] });
    });

    it('stores a signed callback and its effect once', async () => {
      const signed = signCallback(fields, { rsa: { privateKey } });
      for (const _ of ['first', 'again']) expect(await post(url, signed)).to.equal('200 result=OK');
      expect(await states()).to.deep.equal({ row: 'S', paid: [fields.txnid] });
    });

    it('shows the payer the stored status', async () => {
      const signed = encodeCallback(signCallback(fields, { rsa: { privateKey } }));
      expect(await textOf(await fetch(`${url}?${signed}`))).to.equal('200 Transaction successful');
      expect(await textOf(await fetch(`${url}?${signed}x`))).to.equal('400 Please check your email');
    });

    async function states() {
      const orders = await sql<{ txnid: string }>`select txnid from orders where paid`.execute(database.db);
      const row = await new KyselyRepository(database.db).findPayment(fields.txnid ?? '');
      return { row: row?.status, paid: orders.rows.map((order) => order.txnid) };
    }
  });
});

/** The names in backticks at the start of the rows of a table. */
function namesOf(page: Page, table: string): string[] {
  return tableRows(page, table).map(([cell = '']) => inBackticks(cell)[0] ?? cell);
}

/** A program that compiles if the names are settings, and no setting of an object in the list is missing. */
function settingNames(names: readonly string[]): string {
  const parents = ['', ...new Set(names.filter((name) => name.includes('.')).map(parentOf))];
  const checks = parents.map((parent) => {
    const told = names.filter((name) => parentOf(name) === parent).map((name) => `'${name.split('.').at(-1)}'`);
    const settings = parent === '' ? 'DragonpaySettings' : `At<DragonpaySettings, '${parent}'>`;
    return `null as unknown as Exclude<keyof ${settings}, ${told.join(' | ')}> satisfies never;`;
  });
  return `import type { DragonpaySettings } from 'dragonpay-callback';
type At<T, Path extends string> = Path extends \`\${infer Key}.\${infer Rest}\`
  ? Key extends keyof NonNullable<T> ? At<NonNullable<T>[Key], Rest> : never
  : Path extends keyof NonNullable<T> ? NonNullable<NonNullable<T>[Path]> : never;
type Exists<Path extends string> = [At<DragonpaySettings, Path>] extends [never] ? Path : true;
${names.map((name) => `true satisfies Exists<'${name}'>;`).join('\n')}
${checks.join('\n')}
`;
}

/** The links and images of a page that lead to files. */
function linksOf(page: Page): string[] {
  const targets = [...proseOf(page).matchAll(/(?:\]\(|<img src=")([^)"\s]+)[)"]/g)].map(([, target = '']) => target);
  return targets.filter((target) => !/^https?:/.test(target));
}

function parentOf(name: string): string {
  return name.split('.').slice(0, -1).join('.');
}

function outcomeNames(names: readonly string[]): string {
  const union = names.map((name) => `'${name}'`).join(' | ');
  return `import type { UpdateOutcome } from 'dragonpay-callback';
null as unknown as UpdateOutcome satisfies ${union};
null as unknown as ${union} satisfies UpdateOutcome;
`;
}

function statusesIn(cell: string): string[] {
  return inBackticks(cell).filter((text) => /^[A-Z]$/.test(text));
}

function mayFollow(kind: CallbackKind, from: string, to: string): boolean {
  return predecessors(kind, to).includes(from);
}

async function post(url: string, fields: Readonly<Record<string, string>>): Promise<string> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return textOf(await fetch(url, { method: 'POST', headers, body: encodeCallback(fields) }));
}

async function textOf(response: Response): Promise<string> {
  return `${response.status} ${await response.text()}`;
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type CliRun, runCli } from '../support/cli.js';
import { root } from '../support/program.js';

const commands = ['send', 'sandbox', 'verify', 'migrate', 'reconcile', 'doctor'];

describe('the command line', function () {
  this.timeout(60_000);

  let page: string;
  before(async () => {
    page = await readFile(join(root, 'docs/command-line.md'), 'utf8');
  });

  it('names its commands, and says which version it is', async () => {
    const help = await runCli(['--help']);
    for (const command of commands) expect(help.stdout).to.match(new RegExp(`^  ${command} `, 'm'));
    expect(help).to.include({ code: 0, stderr: '' });
    const version = await runCli(['--version']);
    expect(version.stdout).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  for (const command of [...commands, 'migrate up', 'migrate down', 'migrate status']) {
    it(`has help on ${command}, with its exit codes, and all of it is in the docs`, async () => {
      const { code, stdout, stderr } = await runCli([...command.split(' '), '--help']);
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      expect(stdout).to.match(new RegExp(`^Usage: dragonpay-callback ${command} `));
      if (!command.includes(' ')) expect(stdout).to.include('Exit codes: 0 ');
      for (const [option] of stdout.matchAll(/--[a-z][a-z0-9-]+/g)) expect(page, option).to.include(option);
    });
  }

  it('ends with 2 where it is called wrongly, and says so on stderr without a stack', async () => {
    const wrong: Array<[args: string[], env: Record<string, string>, said: string]> = [
      [['pay'], {}, "unknown command 'pay'"],
      [['send', 'http://127.0.0.1/'], {}, "required option '--txnid <id>' not specified"],
      [['send', 'ftp://127.0.0.1/', '--txnid', 'T'], {}, 'It is no http(s) URL.'],
      [['send', 'http://me:hush@127.0.0.1/', '--txnid', 'T'], {}, 'the URL holds a user name or password'],
      [['verify', '--gateway', 'http://me:hush@127.0.0.1/'], {}, 'the URL holds a user name or password'],
      [['send', 'http://127.0.0.1/', '--txnid', 'T'], {}, 'there is no key to sign with: set DRAGONPAY_HMAC_KEYS'],
      [
        ['send', 'http://127.0.0.1/', '--txnid', 'T'],
        { DRAGONPAY_SECRET_KEYS: 'hush' },
        'DRAGONPAY_MERCHANT_ID is missing',
      ],
      [['verify'], {}, 'DRAGONPAY_MERCHANT_ID is missing'],
      [['migrate', 'up'], {}, 'DATABASE_URL is missing'],
      [['reconcile'], {}, "required option '--module <file>' not specified"],
      [['reconcile', '--module', 'no-such-file.js'], {}, 'cannot be imported'],
      [['doctor', 'here'], {}, 'It is no http(s) URL.'],
      [['sandbox', '--port', 'many'], {}, 'It is no port.'],
    ];
    const runs = await inTurn(wrong, ([args, env]) => runCli(args, env, ''));
    for (const [index, { code, stdout, stderr }] of runs.entries()) {
      const [args, , said] = wrong[index] ?? [[], {}, ''];
      expect({ args, code, stdout }).to.deep.equal({ args, code: 2, stdout: '' });
      expect(stderr)
        .to.include(said)
        .and.not.include('hush')
        .and.not.match(/\n +at /);
      expect(stderr.replace('http://me:hush@', '')).not.to.include('hush');
    }
  });
});

/** Two at a time: each is a process. */
async function inTurn<Item>(items: readonly Item[], run: (item: Item) => Promise<CliRun>): Promise<CliRun[]> {
  const runs: CliRun[] = [];
  for (let at = 0; at < items.length; at += 2) runs.push(...(await Promise.all(items.slice(at, at + 2).map(run))));
  return runs;
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCli, runCommand } from '../support/cli.js';
import { root } from '../support/program.js';

const commands = ['send', 'sandbox', 'verify', 'migrate', 'reconcile', 'doctor'];

describe('The command line', () => {
  let page: string;
  before(async () => {
    page = await readFile(join(root, 'docs/command-line.md'), 'utf8');
  });

  it('lists its commands with --help', async () => {
    const help = await runCommand(['--help']);
    for (const command of commands) expect(help.stdout).to.match(new RegExp(`^  ${command} `, 'm'));
    expect(help).to.include({ code: 0, stderr: '' });
  });

  it('prints its version', async () => {
    expect((await runCommand(['--version'])).stdout).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  for (const command of [...commands, 'migrate up', 'migrate down', 'migrate status']) {
    it(`explains ${command} with --help, and the docs have every option`, async () => {
      const { code, stdout, stderr } = await runCommand([...command.split(' '), '--help']);
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      expect(stdout).to.match(new RegExp(`^Usage: dragonpay-callback ${command} `));
      expect(stdout).not.to.include('(default: [])');
      if (!command.includes(' ')) expect(stdout).to.include('Exit codes: 0 ');
      for (const [option] of stdout.matchAll(/--[a-z][a-z0-9-]+/g)) expect(page, option).to.include(option);
    });
  }

  const usageErrors: ReadonlyArray<readonly [args: string, env: Record<string, string>, message: string]> = [
    ['pay', {}, "unknown command 'pay'"],
    ['send http://127.0.0.1/', {}, "option '--txnid <id>' is required"],
    ['send http://127.0.0.1/ --txnd T', {}, "unknown option '--txnd'\n(Did you mean --txnid?)"],
    ['send ftp://127.0.0.1/ --txnid T', {}, 'Expected an http or https URL.'],
    ['send http://me:hush@127.0.0.1/ --txnid T', {}, 'the URL must not contain a user name or password'],
    ['verify --gateway http://me:hush@127.0.0.1/', {}, 'the URL must not contain a user name or password'],
    ['send http://127.0.0.1/ --txnid T', {}, 'no key to sign with: set DRAGONPAY_HMAC_KEYS'],
    ['send http://127.0.0.1/ --txnid T', { DRAGONPAY_SECRET_KEYS: 'hush' }, 'DRAGONPAY_MERCHANT_ID'],
    ['send http://127.0.0.1/ --txnid T --field x', {}, 'Expected name=value.'],
    ['verify', {}, 'DRAGONPAY_MERCHANT_ID'],
    ['migrate up', {}, 'DATABASE_URL is missing'],
    ['migrate up --tranactions x', {}, '(Did you mean --transactions?)'],
    ['reconcile', {}, "option '--module <file>' is required"],
    ['reconcile --modul x', {}, '(Did you mean --module?)'],
    ['reconcile --module no-such-file.js', {}, 'cannot be imported'],
    ['reconcile --limit none', {}, 'Expected a number, 1 or more.'],
    ['doctor here', {}, 'Expected an http or https URL.'],
    ['sandbox --port many', {}, 'Expected a port, 0 to 65535.'],
  ];
  for (const [args, env, message] of usageErrors) {
    it(`refuses "${args}" as a usage error`, async () => {
      const { code, stdout, stderr } = await runCommand(args.split(' '), env);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr)
        .to.match(/^error: /)
        .and.include(message)
        .and.not.include('hush')
        .and.not.match(/\n +at /);
    });
  }

  it('gives the executable its exit code and its streams', async () => {
    expect(
      await runCli(['verify'], { DRAGONPAY_MERCHANT_ID: 'ACME', DRAGONPAY_ENVIRONMENT: 'test' }, ''),
    ).to.deep.equal({
      code: 2,
      stdout: '',
      stderr: await (await runCommand(['verify'], { DRAGONPAY_MERCHANT_ID: 'ACME', DRAGONPAY_ENVIRONMENT: 'test' }))
        .stderr,
    });
  });
});

import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { root } from '../support/program.js';

/** Runs code in a process, with two copies of `forgive`. */
function run(code: string, ...options: string[]) {
  const copy = (name: string) => `const { forgive: ${name} } = await import('./src/async/unawaited.ts?${name}');`;
  const program = `${copy('first')} ${copy('second')}
    const forgiven = new Error('forgiven');
    const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
    first(forgiven, () => console.log('told'));
    second(new Error('other'), () => {});
    ${code}
    setTimeout(() => console.log('lives'), 50);`;
  const { NODE_V8_COVERAGE: _, ...env } = process.env;
  const args = [...options, '--import', 'tsx', '--input-type=module', '--eval', program];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('forgive', () => {
  it('keeps a rejection, and one that it caused, from ending the process', () => {
    const code = 'void Promise.reject(forgiven); void Promise.reject(new Error("wrapped", { cause: forgiven }));';
    expect(run(code)).to.deep.equal({ status: 0, stdout: 'told\ntold\nlives\n', stderr: '' });
  });

  it('leaves other rejections to Node, also where the package was loaded twice', () => {
    const ended = run('void Promise.reject(new Error("unrelated"));');
    expect([ended.status, ended.stdout]).to.deep.equal([1, '']);
    const { stdout } = run(`
      process.on('uncaughtException', (error, origin) => console.log(origin));
      const circular = new Error('its own cause');
      circular.cause = circular;
      for (const value of [new Error('unrelated'), null, circular]) {
        void Promise.reject(value);
        await turn();
      }`);
    expect(stdout).to.equal(`${'unhandledRejection\n'.repeat(3)}lives\n`);
  });

  it('leaves the listeners of the application in charge', () => {
    const listener = 'process.on("unhandledRejection", ({ message }) => console.log(message));';
    const { stdout } = run(`${listener} void Promise.reject(new Error("unrelated")); void Promise.reject(forgiven);`);
    expect(stdout).to.equal('unrelated\ntold\nforgiven\nlives\n');
  });

  it('adds no listener where an option of Node says what a rejection does', () => {
    const { status, stderr } = run('void Promise.reject(forgiven);', '--unhandled-rejections=strict');
    expect(status).to.equal(1);
    expect(stderr).to.include('Error: forgiven');
  });
});

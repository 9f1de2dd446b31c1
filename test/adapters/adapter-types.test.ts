import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const folder = fileURLToPath(new URL('../../adapters/', import.meta.url));
const filesIn = (name: string) => readdirSync(`${folder}${name}`).map((file) => `${name}/${file}`);
const servers = filesIn('http');
const queues = filesIn('queues').filter((name) => name !== 'queues/kysely-transaction.ts');
const entryPoints = Object.keys(
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).exports,
);
const textOf = (name: string) => readFileSync(`${folder}/${name}`, 'utf8');

/** Everything that a file may load from elsewhere: imports, re-exports, import(), import types and require. */
function specifiersOf(text: string): string[] {
  return [...text.matchAll(/\b(?:from|import|require)\b\s*\(?\s*(['"])(.+?)\1/g)].map(
    ([, , specifier = '']) => specifier,
  );
}

describe('The adapters', () => {
  // `tsc -p .` checks in test/types/adapters.ts that the real types of Express 4 and 5 and Koa 2 and 3 fit.

  for (const name of queues) {
    it(`import no queue: ${name}`, () => {
      const values = [...textOf(name).matchAll(/^import (?!type ).*? from '(.+)';$/gms)].map(([, from]) => from);
      expect(values).not.to.be.empty;
      for (const specifier of values) expect(specifier).to.match(/^(?:\.\.\/\.\.\/src\/|\.\.?\/|node:)/);
    });
  }

  for (const name of servers) {
    it(`import no framework: ${name}`, () => {
      for (const specifier of specifiersOf(textOf(name))) {
        expect(specifier).to.match(
          /^(?:\.\.\/\.\.\/src\/model\/callback-request\.js|\.\.\/assert-given\.js|\.\/[a-z-]+\.js)$/,
        );
      }
    });
  }

  it('import no framework: assert-given.ts', () => {
    expect(specifiersOf(textOf('assert-given.ts'))).to.deep.equal(['../src/index.js']);
  });

  for (const name of servers.filter((name) => entryPoints.includes(`./${name.slice('http/'.length, -'.ts'.length)}`))) {
    it(`are under 80 lines each: ${name}`, () => {
      expect(textOf(name).split('\n').length).to.be.below(80);
    });
  }

  it('would not get a framework past this test', () => {
    const text = `import express from 'express';\nexport * from "koa";\nconst k = await import('koa2');\nrequire('http');\nlet t: import('qs').X;`;
    expect(specifiersOf(text)).to.deep.equal(['express', 'koa', 'koa2', 'http', 'qs']);
  });
});

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { packageFolder } from '../support/built-package.js';

interface Locked {
  readonly license?: string;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

describe('The dependencies', () => {
  let manifest: Readonly<Record<string, Readonly<Record<string, string>>>>;
  let locked: Readonly<Record<string, Locked>>;
  /** The cells of each row, by the name of the package. */
  let rows: ReadonlyMap<string, readonly string[]>;
  let names: string[];

  before(async () => {
    const read = (file: string) => readFile(join(packageFolder, file), 'utf8');
    manifest = JSON.parse(await read('package.json'));
    locked = JSON.parse(await read('package-lock.json')).packages;
    const lines = (await read('docs/dependencies.md')).split('\n').filter((line) => /^\| [@a-z]/.test(line));
    const cells = lines.map((line) => line.slice(2, -2).split(' | ')).filter(([name]) => name !== 'package');
    rows = new Map(cells.map((row) => [row[0] ?? '', row]));
    names = [
      ...new Set(
        ['dependencies', 'peerDependencies', 'devDependencies'].flatMap((kind) => Object.keys(manifest[kind] ?? {})),
      ),
    ];
  });

  function resolved(from: string, name: string): string | undefined {
    for (
      let base = from;
      ;
      base = base.includes('/node_modules/') ? base.slice(0, base.lastIndexOf('/node_modules/')) : ''
    ) {
      const path = `${base === '' ? '' : `${base}/`}node_modules/${name}`;
      if (locked[path] !== undefined) return path;
      if (base === '') return undefined;
    }
  }

  function entryOf(path: string): readonly [path: string, entry: Locked] {
    const entry = locked[path] ?? {};
    return entry.link && entry.resolved ? [entry.resolved, locked[entry.resolved] ?? {}] : [path, entry];
  }

  /** The paths of all packages that one package installs. */
  function reached(path: string, known = new Set<string>()): Set<string> {
    const [place, { dependencies, optionalDependencies }] = entryOf(path);
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const found = resolved(place, name);
      if (found === undefined || known.has(found)) continue;
      known.add(found);
      reached(found, known);
    }
    return known;
  }

  it('have one row each in docs/dependencies.md', () => {
    expect([...rows.keys()].sort()).to.deep.equal(names.sort());
    for (const [name, row] of rows) expect(row[1], name).to.match(/^\w.+/);
  });

  it('have the licence, count and install scripts that docs/dependencies.md says', () => {
    for (const name of names) {
      const path = `node_modules/${name}`;
      const all = reached(path);
      const scripts = [path, ...all].filter((one) => locked[one]?.hasInstallScript);
      const named = [...new Set(scripts.map((one) => one.replace(/.*node_modules\//, '')))].sort();
      expect(rows.get(name)?.slice(3), name).to.deep.equal([
        entryOf(path)[1].license ?? 'none',
        String(all.size),
        named.join(', ') || 'none',
      ]);
    }
  });

  it('at run time are two, bring no other package, and run no script', () => {
    expect(Object.keys(manifest.dependencies ?? {})).to.deep.equal(['commander', 'reflect-metadata']);
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      expect(reached(`node_modules/${name}`).size, name).to.equal(0);
      expect(locked[`node_modules/${name}`]?.hasInstallScript, name).to.equal(undefined);
    }
  });
});

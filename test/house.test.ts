import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { expect } from 'chai';
import { root } from './support/program.js';

/**
 * The rooms of `src`, and the rooms that each may import. A room imports rooms of an earlier line only, so there can
 * be no circle of rooms.
 */
const rooms: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  async: ['errors'],
  protocol: ['errors'],
  model: ['errors', 'protocol'],
  response: ['errors', 'model'],
  observability: ['errors', 'protocol', 'model'],
  reading: ['errors', 'async', 'protocol', 'model'],
  repository: ['errors', 'async', 'protocol', 'model'],
  verification: ['errors', 'protocol', 'model', 'reading'],
  decorators: ['errors', 'protocol', 'model', 'response'],
  gateway: ['errors', 'async', 'protocol', 'model', 'reading', 'verification'],
  jobs: ['errors', 'protocol', 'model', 'repository', 'decorators'],
  settings: [
    ...['errors', 'protocol', 'model', 'observability', 'repository', 'verification'],
    ...['decorators', 'gateway', 'jobs'],
  ],
  handling: [
    ...['errors', 'async', 'protocol', 'model', 'observability', 'reading', 'repository'],
    ...['decorators', 'gateway', 'jobs', 'settings'],
  ],
  operations: [
    ...['errors', 'async', 'protocol', 'model', 'observability', 'repository', 'verification'],
    ...['gateway', 'jobs', 'settings', 'handling'],
  ],
  web: ['errors', 'async', 'response'],
  sandbox: ['errors', 'async', 'protocol', 'model', 'web'],
};

/** The files of `src` that stand in no room: they compose what the rooms hold. */
const loose = ['create-dragonpay', 'dispatcher', 'errors', 'index', 'kysely', 'sandbox', 'testing'];

/** Rooms that compose: they may import any room, and no room imports them. */
const composing = ['cli', 'testing'];

/** The packages that each place may import. Every other place imports none. */
const packages: ReadonlyArray<readonly [place: RegExp, allowed: RegExp]> = [
  [/^src\/repository\/kysely\/|^src\/kysely\.ts$/, /^kysely$/],
  [/^src\/decorators\/handler-metadata\.ts$/, /^reflect-metadata$/],
  [/^src\/(?:protocol|settings|reading)\//, /^yup$/],
  [/^src\/cli\//, /^(?:commander|kysely|pg)$/],
  [/^adapters\/containers\/inversify\.ts$/, /^inversify$/],
  [/^adapters\/queues\//, /^(?:kysely|pg-boss|graphile-worker)$/],
];

interface SourceFile {
  readonly path: string;
  /** Paths of files, and names of packages. */
  readonly imports: readonly string[];
}

async function sourceFiles(): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const top of ['src', 'adapters']) {
    const names = await readdir(join(root, top), { recursive: true });
    for (const name of names.filter((one) => one.endsWith('.ts'))) {
      const path = posix.join(top, name.replaceAll('\\', '/'));
      const code = (await readFile(join(root, path), 'utf8')).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
      const specifiers = [...code.matchAll(/\b(?:from|import)\b\s*\(?\s*(['"])([\w@./-]+)\1/g)].map(
        ([, , name = '']) => name,
      );
      const imports = specifiers.map((one) =>
        one.startsWith('.') ? posix.join(dirname(path), one).replace(/\.js$/, '.ts') : one,
      );
      files.push({ path, imports });
    }
  }
  return files;
}

/** The room of a file of `src`, or the name of a loose file. `adapters` is one room. */
function roomOf(path: string): string {
  const [top, second = '', third] = path.split('/');
  if (top !== 'src') return 'adapters';
  return third === undefined ? second.replace(/\.ts$/, '') : second;
}

const isFile = (name: string) => name.endsWith('.ts');

describe('The house', () => {
  let files: readonly SourceFile[];
  before(async () => {
    files = await sourceFiles();
  });

  it('has no loose file in src beyond the entry points and what composes the rooms', () => {
    const found = files.filter(({ path }) => /^src\/[^/]+$/.test(path)).map(({ path }) => roomOf(path));
    expect(found.sort()).to.deep.equal([...loose].sort());
  });

  it('has only rooms that the laws name', () => {
    const found = new Set(files.filter(({ path }) => path.split('/').length > 2).map(({ path }) => roomOf(path)));
    const known = [...Object.keys(rooms), ...composing, 'adapters'].filter((room) => room !== 'errors');
    expect([...found].sort()).to.deep.equal(known.sort());
  });

  it('lets a room import only the rooms below it', () => {
    const broken = files.flatMap(({ path, imports }) => {
      const allowed = rooms[roomOf(path)];
      if (allowed === undefined) return [];
      return imports
        .filter(isFile)
        .filter((target) => roomOf(target) !== roomOf(path) && !allowed.includes(roomOf(target)))
        .map((target) => `${path} -> ${target}`);
    });
    expect(broken).to.deep.equal([]);
    const names = Object.keys(rooms);
    for (const [name, allowed] of Object.entries(rooms)) {
      for (const other of allowed) expect(names.indexOf(other), `${name} -> ${other}`).to.be.below(names.indexOf(name));
    }
  });

  it('lets adapters import the main entry and the seam only, and src import no adapter', () => {
    const seam = ['src/index.ts', 'src/model/callback-request.ts'];
    const broken = files.flatMap(({ path, imports }) =>
      imports
        .filter(isFile)
        .filter((target) =>
          path.startsWith('adapters/')
            ? target.startsWith('src/') && !seam.includes(target)
            : target.startsWith('adapters/'),
        )
        .map((target) => `${path} -> ${target}`),
    );
    expect(broken).to.deep.equal([]);
  });

  it('lets only its own places name a third party', () => {
    const broken = files.flatMap(({ path, imports }) => {
      const allowed = packages.filter(([place]) => place.test(path)).map(([, name]) => name);
      return imports
        .filter((name) => !isFile(name) && !name.startsWith('node:') && !allowed.some((one) => one.test(name)))
        .map((name) => `${path} -> ${name}`);
    });
    expect(broken).to.deep.equal([]);
  });

  it('has no circle of files, not even of types', () => {
    const importsOf = new Map(files.map(({ path, imports }) => [path, imports.filter(isFile)]));
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' -> '));
      if (way.includes(path) || done.has(path)) return;
      for (const target of importsOf.get(path) ?? []) visit(target, [...way, path]);
      done.add(path);
    };
    for (const { path } of files) visit(path, []);
    expect(circles).to.deep.equal([]);
  });
});

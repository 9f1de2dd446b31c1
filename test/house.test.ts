import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { expect } from 'chai';
import { root } from './support/program.js';

/**
 * The rooms (folders) of `src`, each with the rooms that it may import. A room imports only rooms of earlier lines, so
 * that there are no cycles.
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
  gateway: ['errors', 'async', 'protocol', 'model', 'observability', 'reading', 'verification'],
  jobs: ['errors', 'protocol', 'model', 'observability', 'repository', 'decorators'],
  settings: [
    'errors',
    'protocol',
    'model',
    'observability',
    'repository',
    'verification',
    'decorators',
    'gateway',
    'jobs',
  ],
  handling: [
    'errors',
    'async',
    'protocol',
    'model',
    'observability',
    'reading',
    'repository',
    'decorators',
    'gateway',
    'jobs',
    'settings',
  ],
  operations: [
    'errors',
    'async',
    'protocol',
    'model',
    'observability',
    'repository',
    'verification',
    'gateway',
    'jobs',
    'settings',
    'handling',
  ],
  diagnosis: ['errors', 'protocol', 'model', 'reading', 'verification', 'settings'],
  web: ['errors', 'async', 'response'],
  sandbox: ['errors', 'async', 'protocol', 'model', 'web'],
};

/** The files of `src` in no room: entry points, and the files that compose the rooms. */
const loose = ['create-dragonpay', 'dispatcher', 'errors', 'index', 'kysely', 'mysql', 'sandbox', 'sqlite', 'testing'];

/** Rooms that may import any room. No room imports them. */
const composing = ['cli', 'testing'];

/** The packages that some places may import. All other places import none. */
const packages: ReadonlyArray<readonly [place: RegExp, allowed: RegExp]> = [
  [/^src\/repository\/kysely\/|^src\/kysely\.ts$/, /^kysely$/],
  [/^src\/decorators\/handler-metadata\.ts$/, /^reflect-metadata$/],
  [/^src\/(?:protocol|settings|reading)\//, /^yup$/],
  [/^src\/cli\//, /^(?:commander|kysely|mysql2|mysql2\/promise|pg)$/],
  [/^adapters\/containers\/inversify\.ts$/, /^inversify$/],
  [/^adapters\/containers\/nestjs\.ts$/, /^@nestjs\/(?:common|core)$/],
  [/^adapters\/telemetry\//, /^@opentelemetry\/api$/],
  [/^adapters\/queues\//, /^(?:kysely|pg-boss|graphile-worker)$/],
];

interface SourceFile {
  readonly path: string;
  /** Paths of files and names of packages. */
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

describe('Source folders', () => {
  let files: readonly SourceFile[];
  before(async () => {
    files = await sourceFiles();
  });

  it('src contains only the entry points and the files that compose the rooms', () => {
    const found = files.filter(({ path }) => /^src\/[^/]+$/.test(path)).map(({ path }) => roomOf(path));
    expect(found.sort()).to.deep.equal([...loose].sort());
  });

  it('src contains only the rooms that are listed here', () => {
    const found = new Set(files.filter(({ path }) => path.split('/').length > 2).map(({ path }) => roomOf(path)));
    const known = [...Object.keys(rooms), ...composing, 'adapters'].filter((room) => room !== 'errors');
    expect([...found].sort()).to.deep.equal(known.sort());
  });

  it('a room imports only the rooms that it may import', () => {
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

  it('adapters import only the main entry and the request type, and src no adapter', () => {
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

  it('packages are imported only where they are allowed', () => {
    const broken = files.flatMap(({ path, imports }) => {
      const allowed = packages.filter(([place]) => place.test(path)).map(([, name]) => name);
      return imports
        .filter(
          (name) =>
            !isFile(name) &&
            !name.endsWith('.json') &&
            !name.startsWith('node:') &&
            !allowed.some((one) => one.test(name)),
        )
        .map((name) => `${path} -> ${name}`);
    });
    expect(broken).to.deep.equal([]);
  });

  it('files import each other without cycles, types included', () => {
    const importsOf = new Map(files.map(({ path, imports }) => [path, imports.filter(isFile)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) cycles.push([...way.slice(way.indexOf(path)), path].join(' -> '));
      if (way.includes(path) || done.has(path)) return;
      for (const target of importsOf.get(path) ?? []) visit(target, [...way, path]);
      done.add(path);
    };
    for (const { path } of files) visit(path, []);
    expect(cycles).to.deep.equal([]);
  });
});

import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeBlocks, readPages } from './markdown.js';
import { root } from './program.js';

/** The blocks of code under a heading of a page, in order. `language` selects those of one language. */
export async function codeUnder(path: string, heading: string, language: string): Promise<string[]> {
  const page = (await readPages()).find((one) => one.path === path);
  const [, rest] = page?.text.split(`# ${heading}\n`) ?? [];
  if (rest === undefined) throw new Error(`${path} has no heading "${heading}"`);
  const [section = ''] = rest.split(/^## /m);
  return codeBlocks({ path, text: section })
    .filter((block) => block.language === language)
    .map(({ code }) => code);
}

/** A folder in which the code of a page runs, and imports the packages of this project. */
export class CodeFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<CodeFolder> {
    const path = await mkdtemp(join(tmpdir(), 'dragonpay-callback-documented-'));
    await writeFile(join(path, 'package.json'), '{ "type": "module" }');
    await symlink(join(root, 'node_modules'), join(path, 'node_modules'));
    return new CodeFolder(path);
  }

  /** Writes a file, and returns its path. */
  async write(name: string, code: string): Promise<string> {
    const file = join(this.path, name);
    await writeFile(file, code);
    return file;
  }

  /** Runs code in this process. Returns its classes, functions and constants, exported or not. */
  async run(name: string, code: string): Promise<Record<string, unknown>> {
    const exported = code.replace(/^(?=(?:class|const|async function|function) )/gm, 'export ');
    return import(await this.write(`${name.replace(/\W/g, '-')}.ts`, exported));
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }
}

/** The lines that are logged or warned while something runs. */
export async function printed(run: () => Promise<unknown>): Promise<string[]> {
  const lines: string[] = [];
  const { log, warn } = console;
  console.log = console.warn = (...values: unknown[]) => lines.push(values.map(String).join(' '));
  try {
    await run();
  } finally {
    Object.assign(console, { log, warn });
  }
  return lines;
}

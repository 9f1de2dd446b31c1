import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './program.js';

/** A page of the documentation. */
export interface Page {
  /** Relative to the project folder, for example `docs/errors.md`. */
  readonly path: string;
  readonly text: string;
}

/** A fenced code block. */
export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  /** The line number of its first line of code. */
  readonly line: number;
}

/** Reads the Markdown files of the project folder and of `docs/`. */
export async function readPages(): Promise<Page[]> {
  const paths = (await Promise.all(['.', 'docs'].map((folder) => markdownFiles(folder)))).flat();
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })));
}

async function markdownFiles(folder: string): Promise<string[]> {
  const files = await readdir(join(root, folder));
  return files.filter((file) => file.endsWith('.md')).map((file) => join(folder, file));
}

/** The fenced blocks of a page. */
export function codeBlocks({ text }: Page): CodeBlock[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((match) => ({
    language: match[1] ?? '',
    code: match[2] ?? '',
    line: text.slice(0, match.index).split('\n').length + 1,
  }));
}

/** The page without its fenced blocks. */
export function proseOf({ text }: Page): string {
  return text.replace(/^```.*?^```$/gms, '');
}

/** The rows of the first table whose first header cell has this text, as arrays of cells. */
export function tableRows({ path, text }: Page, firstCell: string): string[][] {
  const lines = text.split('\n');
  const header = lines.findIndex((line) => line.startsWith(`| ${firstCell} |`));
  if (header < 0) throw new Error(`${path} has no table of ${firstCell}`);
  const rows = lines.slice(header + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end < 0 ? undefined : end).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The texts between backticks. */
export function inBackticks(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
}

/** The anchors of the page's headings, as GitHub generates them. */
export function anchorsOf(page: Page): string[] {
  return [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

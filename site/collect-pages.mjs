import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application } from 'typedoc';

const site = fileURLToPath(new URL('.', import.meta.url));
const root = join(site, '..');
export const build = join(site, '.build');
const pages = join(build, 'pages');

/** Files of the project folder that are pages of the site, by their path there. */
const pagesOfFiles = {
  'README.md': 'index.md',
  'CHANGELOG.md': 'changelog.md',
  'SECURITY.md': 'security.md',
  'CONTRIBUTING.md': 'contributing.md',
  LICENSE: 'licence.md',
};

/** Collects the pages of the documentation and writes the reference of the public names. Throws for every warning. */
export async function collectPages() {
  rmSync(build, { recursive: true, force: true });
  mkdirSync(pages, { recursive: true });
  for (const folder of ['images', 'performance'])
    cpSync(join(root, 'docs', folder), join(pages, folder), { recursive: true });
  for (const file of readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))) {
    writeFileSync(join(pages, file), withSiteLinks(readFileSync(join(root, 'docs', file), 'utf8'), 'docs'));
  }
  for (const [file, page] of Object.entries(pagesOfFiles)) {
    const text = withSiteLinks(readFileSync(join(root, file), 'utf8'), '.');
    writeFileSync(join(pages, page), file === 'LICENSE' ? `# Licence\n\n${text}` : text);
  }
  await writeReference();
}

/** Rewrites the relative links of a file in a folder of the project to pages of the site. */
function withSiteLinks(text, folder) {
  return text.replace(/(\]\(|src=")(?!https?:|#|mailto:)([^)#"\s]+)/g, (_, start, target) => {
    const path = join(folder, target);
    const page = pagesOfFiles[path] ?? (path.startsWith('docs/') ? path.slice('docs/'.length) : undefined);
    if (page === undefined) throw new Error(`${target} is a link to a file that is not a page`);
    return `${start}./${page}`;
  });
}

/** One module for each entry point of package.json, under the name by which users import it. */
async function writeReference() {
  const entryPoints = join(build, 'entry-points');
  mkdirSync(entryPoints);
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const paths = Object.entries(exports).flatMap(([subpath, { types }]) => {
    if (types === undefined) return [];
    const source = types.replace('./dist/', '').replace(/\.d\.ts$/, '.js');
    const path = join(entryPoints, `${subpath === '.' ? 'main' : subpath.slice(2)}.ts`);
    const module = join(name, subpath).replace(/\/$/, '');
    writeFileSync(path, `/** @module ${module} */\nexport * from '../../../${source}';\n`);
    return [path];
  });
  const application = await Application.bootstrapWithPlugins({
    name,
    entryPoints: paths,
    tsconfig: join(site, 'tsconfig.json'),
    plugin: ['typedoc-plugin-markdown'],
    out: join(pages, 'reference'),
    readme: 'none',
    router: 'member',
    entryFileName: 'index',
    hideBreadcrumbs: true,
    hidePageHeader: true,
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    treatWarningsAsErrors: true,
    // Links in comments that are inherited from Kysely.
    externalSymbolLinkMappings: { kysely: { '*': '#' } },
    logLevel: 'Warn',
  });
  const project = await application.convert();
  if (project === undefined) throw new Error('the sources do not compile');
  application.validate(project);
  await application.generateOutputs(project);
  if (application.logger.hasWarnings() || application.logger.hasErrors()) {
    throw new Error('the reference has warnings');
  }
}

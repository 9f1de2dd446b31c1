/**
 * Writes the list of the packages that this one contains and installs, `dist/sbom.cdx.json` (CycloneDX): the run-time
 * dependencies, and the packages that the build puts into the package. The same tree gives the same file.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
// The build has written the list of packages that are a part of this one.
const licenses = readFileSync(`${root}/dist/chunks/LICENSES.txt`, 'utf8');
const bundled = [...licenses.matchAll(/^(\S+) \d+\.\d+\.\d+ \(.+\)$/gm)].map(([, name]) => name);
const names = [...Object.keys(manifest.dependencies), ...bundled];

// npm cannot describe the whole tree, because it has a linked folder of the tests. So npm gets a tree of these packages
// only.
const { lockfileVersion, packages } = JSON.parse(readFileSync(`${root}/package-lock.json`, 'utf8'));
const tree = {};
const add = (name) => {
  const { dev: _dev, peer: _peer, ...entry } = packages[`node_modules/${name}`];
  if (tree[`node_modules/${name}`] !== undefined) return;
  tree[`node_modules/${name}`] = entry;
  for (const other of Object.keys(entry.dependencies ?? {})) add(other);
};
for (const name of names) add(name);
const { name, version, description, license } = manifest;
const about = { name, version, description, license, dependencies: {} };
for (const one of names) about.dependencies[one] = packages[`node_modules/${one}`].version;
const folder = mkdtempSync(join(tmpdir(), 'dragonpay-callback-sbom-'));
let output;
try {
  writeFileSync(join(folder, 'package.json'), JSON.stringify(about));
  const lock = { name, version, lockfileVersion, requires: true, packages: { '': about, ...tree } };
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  output = execFileSync('npm', args, { cwd: folder, encoding: 'utf8' });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const { serialNumber: _, metadata, components, dependencies, ...sbom } = JSON.parse(output);
const { timestamp: __, ...described } = metadata;
const kept = components.filter((component) => names.includes(component.name));
const missing = names.filter((one) => !kept.some((component) => component.name === one));
if (missing.length > 0) throw new Error(`npm does not list ${missing.join(', ')}`);
const refs = new Set([described.component['bom-ref'], ...kept.map((component) => component['bom-ref'])]);
const written = {
  ...sbom,
  metadata: { ...described, component: { ...described.component, name } },
  components: kept.map((component) => ({ ...component, scope: 'required', properties: [] })),
  dependencies: dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) })),
};
writeFileSync(`${root}/dist/sbom.cdx.json`, `${JSON.stringify(written, undefined, 2)}\n`);

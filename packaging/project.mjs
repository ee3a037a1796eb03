// What Cargo.toml says of the project, for the other scripts here: name, version, licence, the address of the
// repository and the name in the registry of MCP servers.
//
// `node packaging/project.mjs --publishable` ends with 1 while an address is a placeholder.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top folder of the repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The text of a file of the repository. */
export const text = (path) => readFileSync(join(root, path), 'utf8');

/** A JSON file of the repository. */
export const json = (path) => JSON.parse(text(path));

/** The systems that a package is made for. */
export const platforms = json('packaging/platforms.json');

/** The text of a key in one table of Cargo.toml. */
function value(table, key) {
  const part = text('Cargo.toml').split(`[${table}]\n`)[1]?.split('\n[')[0] ?? '';
  const found = new RegExp(`^${key} = "([^"]*)"$`, 'm').exec(part);
  if (!found) throw new Error(`Cargo.toml: no text \`${key}\` in [${table}]`);
  return found[1];
}

export const project = {
  name: value('package', 'name'),
  version: value('package', 'version'),
  description: value('package', 'description'),
  license: value('package', 'license'),
  repository: value('package', 'repository'),
  registryName: value('package.metadata.packaging', 'registry-name'),
  maintainer: value('package.metadata.deb', 'maintainer'),
};

/** What still has to be filled in before anything may be published. */
export function placeholders() {
  const isReserved = (host) => /(^|\.)example\.(com|org|net)$/.test(host);
  const found = [];
  if (isReserved(new URL(project.repository).hostname)) {
    found.push(`\`repository\` is still ${project.repository}`);
  }
  const namespace = project.registryName.split('/')[0];
  if (isReserved(namespace.split('.').reverse().join('.'))) {
    found.push(`\`registry-name\` is still ${project.registryName}`);
  }
  const maintainer = project.maintainer.split('@')[1].replace('>', '');
  if (isReserved(maintainer)) found.push(`\`maintainer\` is still ${project.maintainer}`);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] !== '--publishable') {
    console.error('usage: node packaging/project.mjs --publishable');
    process.exitCode = 2;
  } else {
    for (const line of placeholders()) console.error(`not to be published: in Cargo.toml ${line}`);
    process.exitCode = placeholders().length > 0 ? 1 : 0;
  }
}

// Writes what Cargo.toml says (version, description, licence, addresses, the registry's name) into the committed
// manifests, and the links into packaging/README.md. `--check` writes nothing and ends with 1 when a file says
// something else.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { links } from './links.mjs';
import { json, platforms, project, root, text } from './project.mjs';

const { name, version, description, license, repository, registryName } = project;

/** What goes into each manifest. */
const MANIFESTS = {
  'packaging/npm/package.json': (manifest) => Object.assign(manifest, {
    version, description, license,
    mcpName: registryName,
    homepage: repository,
    repository: { type: 'git', url: `git+${repository}.git` },
    optionalDependencies: Object.fromEntries(
      Object.keys(platforms).map((platform) => [`${name}-${platform}`, version]),
    ),
  }),
  'packaging/mcpb/manifest.json': (manifest) => Object.assign(manifest, {
    version, description, license,
    homepage: repository,
    repository: { type: 'git', url: repository },
    privacy_policies: [`${repository}/blob/main/packaging/PRIVACY.md`],
  }),
  'packaging/claude-plugin/.claude-plugin/plugin.json': (manifest) => {
    Object.assign(manifest, { version, description, license, homepage: repository, repository });
    manifest.mcpServers.bitrix24.args = ['-y', `${name}@${version}`];
  },
  '.claude-plugin/marketplace.json': (manifest) => {
    Object.assign(manifest.plugins[0], { version, description });
  },
  'gemini-extension.json': (manifest) => {
    Object.assign(manifest, { version, description });
    manifest.mcpServers.bitrix24.args = ['-y', `${name}@${version}`];
  },
  'server.json': (manifest) => {
    Object.assign(manifest, { name: registryName, description, version, websiteUrl: repository });
    manifest.packages[0].version = version;
  },
};

/** What each file is to hold. */
function* filled() {
  for (const [path, fill] of Object.entries(MANIFESTS)) {
    const manifest = json(path);
    fill(manifest);
    yield [path, `${JSON.stringify(manifest, null, 2)}\n`];
  }
  const image = 'packaging/Dockerfile';
  yield [image, text(image).replace(/(server\.name=)"[^"]*"/, `$1"${registryName}"`)];
  const page = 'packaging/README.md';
  yield [page, text(page).replace(/```text\nCursor:[^`]*```/, `\`\`\`text\n${links().replaceAll('$', '$$$$')}\`\`\``)];
}

const isCheck = process.argv.includes('--check');
for (const [path, content] of filled()) {
  if (content === text(path)) continue;
  if (isCheck) {
    console.error(`${path} differs from Cargo.toml: run \`node packaging/sync.mjs\``);
    process.exitCode = 1;
  } else {
    writeFileSync(join(root, path), content);
    console.log(`${path} written`);
  }
}

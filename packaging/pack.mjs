// Packs one program for people without Rust: two npm packages, a bundle for Claude Desktop (.mcpb) and a plain
// archive, with their SHA-256 sums.
//
//   node packaging/pack.mjs --binary PATH --out DIR [--platform linux-x64] [--extras DIR] [--without-main] [--fast]
//
// `--extras` names a folder with completions and manual pages; it goes into the main npm package and the archive.
// `--without-main` leaves the main npm package out, which is the same for all systems. `--fast` compresses little, for
// trials.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { tarGz, zip } from './archive.mjs';
import { json, platforms, project, root } from './project.mjs';

const { name, version } = project;

/** A file of the repository as an entry of an archive. */
const committed = (path, from, executable = false) => (
  { path, data: readFileSync(join(root, from)), executable }
);

/** A JSON file as an entry of an archive. */
const manifest = (path, value) => ({ path, data: Buffer.from(`${JSON.stringify(value, null, 2)}\n`) });

/** The files of a folder as entries below another one. */
function filesOf(folder, below) {
  if (folder === undefined) return [];
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1)).flatMap((entry) => {
    const [from, path] = [join(folder, entry.name), `${below}/${entry.name}`];
    if (entry.isDirectory()) return filesOf(from, path);
    return entry.isFile() ? [{ path, data: readFileSync(from) }] : [];
  });
}

const below = (folder, entries) => entries.map((it) => ({ ...it, path: `${folder}/${it.path}` }));

/** The main npm package: the launcher, which is the same for all systems. */
function mainPackage(extras) {
  const description = json('packaging/npm/package.json');
  if (description.version !== version) throw new Error('stale manifests: run `node packaging/sync.mjs`');
  const pages = extras.map((it) => it.path).filter((path) => /\.[1-9]$/.test(path));
  if (pages.length > 0) description.man = pages.map((path) => `./${path}`);
  return below('package', [
    manifest('package.json', description),
    committed('run.js', 'packaging/npm/run.js', true),
    committed('README.md', 'packaging/npm/README.md'),
    committed('LICENSE', 'LICENSE'),
    ...extras,
  ]);
}

/** The npm package of one system: the program. */
function platformPackage(platform, program) {
  const { os, cpu, libc, program: file } = platforms[platform];
  const main = json('packaging/npm/package.json');
  const description = {
    name: `${name}-${platform}`,
    version,
    description: `The program of ${name} for ${platform}`,
    license: main.license,
    homepage: main.homepage,
    repository: main.repository,
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
    files: ['bin', 'NOTICE.md'],
    preferUnplugged: true,
  };
  const readme = `# ${description.name}\n\n${description.description}. Install \`${name}\`, which brings it along.\n`;
  return below('package', [
    manifest('package.json', description),
    { path: `bin/${file}`, data: program, executable: true },
    { path: 'README.md', data: Buffer.from(readme) },
    committed('LICENSE', 'LICENSE'),
    committed('NOTICE.md', 'NOTICE.md'),
  ]);
}

/** The bundle for Claude Desktop and others that install .mcpb files. */
function bundle(platform, program) {
  const { os, program: file } = platforms[platform];
  const description = json('packaging/mcpb/manifest.json');
  description.compatibility.platforms = [os];
  description.server.entry_point = `server/${file}`;
  description.server.mcp_config.command = `\${__dirname}/server/${file}`;
  delete description.server.mcp_config.platform_overrides;
  return [
    manifest('manifest.json', description),
    { path: `server/${file}`, data: program, executable: true },
    committed('LICENSE', 'LICENSE'),
    committed('NOTICE.md', 'NOTICE.md'),
    committed('PRIVACY.md', 'packaging/PRIVACY.md'),
  ];
}

/** The plain archive, which `cargo binstall` takes as well. */
function archive(platform, program, extras) {
  return below(`${name}-${version}-${platforms[platform].target}`, [
    { path: platforms[platform].program, data: program, executable: true },
    committed('README.md', 'README.md'),
    committed('LICENSE', 'LICENSE'),
    committed('NOTICE.md', 'NOTICE.md'),
    ...extras,
  ]);
}

function main() {
  const { values } = parseArgs({
    options: {
      binary: { type: 'string' },
      out: { type: 'string' },
      platform: { type: 'string', default: `${process.platform}-${process.arch}` },
      extras: { type: 'string' },
      'without-main': { type: 'boolean', default: false },
      fast: { type: 'boolean', default: false },
    },
  });
  const { binary, out, platform } = values;
  if (binary === undefined || out === undefined) throw new Error('give --binary PATH and --out DIR');
  if (!(platform in platforms)) {
    throw new Error(`no platform ${platform}; there are ${Object.keys(platforms).join(', ')}`);
  }
  const program = readFileSync(binary);
  const extras = filesOf(values.extras, 'extras');
  const packed = platforms[platform].os === 'win32' ? { ending: 'zip', by: zip } : { ending: 'tar.gz', by: tarGz };
  const level = values.fast ? 1 : 9;
  const plain = archive(platform, program, extras);
  const made = {
    ...(!values['without-main'] && { [`${name}-${version}.tgz`]: tarGz(mainPackage(extras), level) }),
    [`${name}-${platform}-${version}.tgz`]: tarGz(platformPackage(platform, program), level),
    [`${name}-${version}-${platform}.mcpb`]: zip(bundle(platform, program), level),
    [`${name}-${version}-${platforms[platform].target}.${packed.ending}`]: packed.by(plain, level),
  };
  mkdirSync(out, { recursive: true });
  const sums = Object.entries(made).map(([file, data]) => {
    writeFileSync(join(out, file), data);
    console.log(`${String(data.length).padStart(10)} bytes  ${file}`);
    return `${createHash('sha256').update(data).digest('hex')}  ${file}\n`;
  });
  writeFileSync(join(out, `SHA256SUMS-${platform}`), sums.join(''));
  if (!platforms[platform].tried) console.log(`not tried: the packages of ${platform} have never been run`);
}

try {
  main();
} catch (error) {
  console.error(`pack.mjs: ${error.message}`);
  process.exitCode = 1;
}

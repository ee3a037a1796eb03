// What packaging/check.sh does once there is Node: packs, installs, starts and validates.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { platforms, project, root } from './project.mjs';
import { Session, running } from './session.mjs';

/** What checks manifests: the command, its arguments each time, and the npm package that has it. */
const VALIDATORS = [
  { command: 'mcpb', calls: [['validate', 'packaging/mcpb/manifest.json']], from: '@anthropic-ai/mcpb@2.1.2' },
  {
    command: 'claude',
    calls: [['plugin', 'validate', '.'], ['plugin', 'validate', 'packaging/claude-plugin']],
    from: '@anthropic-ai/claude-code@2.1.197',
  },
  { command: 'gemini', calls: [['extensions', 'validate', '.']], from: '@google/gemini-cli@0.61.0' },
];

const [folder, ...flags] = process.argv.slice(2);
const mayInstall = flags.includes('--install');
const { name, version } = project;
const platform = `${process.platform}-${process.arch}`;

/** The environment of a person who has nothing of this set up yet. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([key]) => !/^(BITRIX24_|npm_config_)/i.test(key)),
);
Object.assign(environment, {
  HOME: join(folder, 'home'),
  npm_config_cache: join(folder, 'cache'),
  npm_config_update_notifier: 'false',
  // A validator has nothing to report to anyone.
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
});

let passed = 0;
const ok = (what) => {
  passed += 1;
  console.log(`ok: ${what}`);
};
const skipped = (what, why) => console.log(`skipped: ${what}, because ${why}`);

/** Runs a command to its end. */
const run = (command, args, options = {}) => (
  spawnSync(command, args, { encoding: 'utf8', env: environment, timeout: 300_000, ...options })
);

/** Runs a command that has to succeed; what it printed. */
function must(command, args, options) {
  const { status, stdout, stderr, error } = run(command, args, options);
  const words = [command, ...args].join(' ');
  assert.equal(status, 0, `\`${words}\` failed: ${error?.message ?? ''}\n${stdout}\n${stderr}`);
  return stdout;
}

/** A new empty folder that npm takes for a project. */
function emptyFolder(path) {
  const made = join(folder, path);
  mkdirSync(made, { recursive: true });
  return made;
}

const install = (cwd, ...args) => (
  must('npm', ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', ...args], { cwd })
);

const dist = join(folder, 'dist');
const mainPackage = join(dist, `${name}-${version}.tgz`);

function pack() {
  must('node', [join(root, 'packaging/sync.mjs'), '--check']);
  ok('the manifests say what Cargo.toml says');
  const program = join(folder, 'program');
  const extras = join(folder, 'extras');
  const packed = ['--fast', '--binary', program, '--out', dist, '--extras', extras];
  must('node', [join(root, 'packaging/pack.mjs'), ...packed]);
  ok(`packed for ${platform}`);
}

/** The installed packages: as npm leaves them, started as people start them. */
async function installed() {
  const cwd = emptyFolder('installed');
  install(cwd, mainPackage, join(dist, `${name}-${platform}-${version}.tgz`));
  const said = must('npx', ['--offline', name, '--version'], { cwd });
  assert.equal(said, `${name} ${version}\n`);
  ok(`installed without scripts and without a network; npx starts version ${version}`);
  const extras = join(cwd, 'node_modules', name, 'extras');
  must('bash', ['-n', join(extras, `completions/${name}.bash`)]);
  assert.match(readFileSync(join(extras, `man/${name}-setup.1`), 'utf8'), /webhook/);
  const completed = 'source "$1"; f=$(complete -p "$2" | sed "s/.*-F \\([^ ]*\\).*/\\1/"); COMP_WORDS=("$2" setup --rem); '
    + 'COMP_CWORD=2; "$f" "$2" --rem setup; echo "${COMPREPLY[@]}"';
  const file = join(extras, `completions/${name}.bash`);
  assert.equal(must('bash', ['-c', completed, 'bash', file, name]), '--remove\n');
  ok('completions and manual pages are packed; bash completes flags of commands');

  const launcher = join(cwd, 'node_modules', name, 'run.js');
  const program = realpathSync(join(cwd, 'node_modules', `${name}-${platform}`, 'bin', platforms[platform].program));
  const start = async () => {
    const session = new Session('node', [launcher, '--sandbox'], { cwd, env: environment });
    const tools = await session.tools();
    assert(tools.includes('update_crm_item'), `the tools are ${tools}`);
    assert.notDeepEqual(running(program), [], 'the program does not run');
    return session;
  };
  const gone = async (session) => {
    const left = running(program) ?? [];
    for (const id of left) process.kill(id, 'SIGKILL');
    assert.deepEqual(left, [], 'a process was left');
    await session.closed();
    assert.deepEqual(session.strays, [], 'standard output holds more than messages');
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', undefined]) {
    const session = await start();
    const end = await session.end(signal);
    // Nobody handles a hang-up: the launcher has to end by it, as the program did.
    const expected = signal === 'SIGHUP' ? { code: null, signal } : { code: 0, signal: null };
    assert.deepEqual(end, expected, `after ${signal ?? 'the end of its input'}`);
    await gone(session);
  }
  ok('the launcher passes signals and the end of its input on, ends as the program does, and leaves no process');

  if (running(program) === undefined) {
    skipped('the launcher when the program is killed', 'this system has no /proc');
  } else {
    const session = await start();
    for (const id of running(program)) process.kill(id, 'SIGKILL');
    assert.deepEqual(await session.ended(), { code: null, signal: 'SIGKILL' });
    await gone(session);
    ok('the launcher dies by the signal that killed the program');
  }
  const wrong = run('node', [launcher, '--no-such-flag'], { cwd });
  assert.equal(wrong.status, 2);
  ok('the launcher passes the exit code on');
}

/** The main package without the one that holds the program. */
function withoutProgram() {
  const cwd = emptyFolder('bare');
  install(cwd, '--omit=optional', mainPackage);
  const { status, stdout, stderr } = run('npx', ['--offline', name, '--version'], { cwd });
  assert.equal(status, 1);
  assert.equal(stdout, '');
  for (const word of [`${name}-${platform}`, '--omit=optional']) {
    assert(stderr.includes(word), `the message names no ${word}: ${stderr}`);
  }
  const launcher = join(cwd, 'node_modules', name, 'run.js');
  const elsewhere = "Object.defineProperty(process, 'arch', {value: 'mips'})";
  const foreign = run('node', ['-e', `${elsewhere}; require(${JSON.stringify(launcher)})`]);
  assert.equal(foreign.status, 1);
  for (const it of Object.keys(platforms)) assert(foreign.stderr.includes(it), foreign.stderr);
  ok('a missing program is explained');
}

/** What a host makes of a manifest: the variables of the server with the values that a person gave. */
function hostEnvironment(manifest, given) {
  const values = Object.entries(manifest.user_config).map(([key, entry]) => [key, given[key] ?? entry.default]);
  const filled = (text) => values.reduce(
    (result, [key, value]) => (value === undefined ? result : result.replaceAll(`\${user_config.${key}}`, value)),
    text,
  );
  return Object.fromEntries(Object.entries(manifest.server.mcp_config.env).map(([key, text]) => [key, filled(text)]));
}

/** The bundle, unpacked and started as its manifest says. */
async function bundle() {
  const file = join(dist, `${name}-${version}-${platform}.mcpb`);
  const unpacked = join(folder, 'bundle');
  const { error } = run('unzip', ['-v']);
  if (error) return skipped('the bundle', 'unzip is not installed');
  must('unzip', ['-q', file, '-d', unpacked]);
  const manifest = JSON.parse(readFileSync(join(unpacked, 'manifest.json'), 'utf8'));
  const tools = async (given) => {
    const { command, args } = manifest.server.mcp_config;
    const session = new Session(command.replace('${__dirname}', unpacked), args, {
      env: { ...environment, ...hostEnvironment(manifest, given) },
    });
    const found = await session.tools();
    assert.deepEqual(await session.end(), { code: 0, signal: null });
    return found.sort();
  };
  // Listing the tools asks no portal for anything.
  const webhook = 'https://example.bitrix24.com/rest/1/abcdefgh12345678/';
  const listed = manifest.tools.map((tool) => tool.name).sort();
  assert.deepEqual(await tools({ webhook }), listed, 'the manifest lists other tools than there are');
  const reading = await tools({ webhook, read_only: true });
  assert(reading.length > 0 && reading.length < listed.length, `only reading: ${reading}`);
  return ok(`the unpacked bundle has the ${listed.length} tools of its manifest, and ${reading.length} that read`);
}

/** Whether npm still may be asked: not again once it did not answer. */
let isReachable = mayInstall;

/** Where a command is: in the PATH, or installed for this run alone. */
function find({ command, from }) {
  const places = [...process.env.PATH.split(delimiter), join(folder, 'tools/node_modules/.bin')];
  const here = () => places.map((it) => join(it, command)).find((it) => existsSync(it));
  if (here() || !isReachable) return here();
  const prefix = emptyFolder('tools');
  const quick = ['--fetch-retries=0', '--fetch-timeout=20000', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status } = run('npm', ['install', ...quick, '--prefix', prefix, from], { timeout: 90_000 });
  isReachable = status === 0;
  if (!isReachable) return undefined;
  // This one brings its program only by a script.
  const script = join(prefix, 'node_modules/@anthropic-ai/claude-code/install.cjs');
  if (command === 'claude' && existsSync(script)) run('node', [script], { timeout: 90_000 });
  return here();
}

function validators() {
  for (const validator of VALIDATORS) {
    const { command, calls, from } = validator;
    const program = find(validator);
    if (program === undefined) {
      const installing = mayInstall ? ` and ${from} could not be installed` : '';
      skipped(`${command} ${calls[0].slice(0, -1).join(' ')}`, `${command} is not in the PATH${installing}`);
      continue;
    }
    for (const args of calls) {
      must(program, args, { cwd: root });
      ok([command, ...args].join(' '));
    }
  }
}

try {
  mkdirSync(environment.HOME, { recursive: true });
  if (platform in platforms) {
    pack();
    await installed();
    withoutProgram();
    await bundle();
  } else {
    skipped('the packages', `there is none for ${platform}`);
  }
  validators();
  console.log(`packaging: ${passed} passed`);
} catch (error) {
  console.error(`failed: ${error.message}`);
  // At once: what was started and still runs gets the end of its input by that.
  process.exit(1);
}

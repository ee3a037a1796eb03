#!/usr/bin/env node
// Starts the program of this system's package. Standard input, output and error are the program's own: nothing
// is printed here to standard output, which belongs to the protocol.
'use strict';

const { spawn } = require('node:child_process');
const { constants } = require('node:os');
const { name, optionalDependencies } = require('./package.json');

const wanted = `${name}-${process.platform}-${process.arch}`;

function fail(lines) {
  process.stderr.write(`${name}: ${lines.join('\n')}\n`);
  process.exitCode = 1;
}

function missing() {
  const supported = Object.keys(optionalDependencies);
  if (!supported.includes(wanted)) {
    const systems = supported.map((it) => it.slice(name.length + 1)).join(', ');
    return fail([
      `there is no program for this system (${process.platform}-${process.arch}).`,
      `There are programs for: ${systems}. On others, build it from source with Rust.`,
    ]);
  }
  const lines = [
    `the package ${wanted}, which holds the program, is not installed.`,
    'Install again without `--omit=optional`, `--no-optional` or `omit=optional` in the settings of npm:',
    `  npm install -g ${name}`,
    `From the files of a release give npm both archives: that of ${name} and that of ${wanted}.`,
  ];
  if (process.platform === 'linux') {
    lines.push('On Linux it needs glibc 2.17 or newer: systems with musl, such as Alpine, have no package.');
  }
  return fail(lines);
}

function start(program) {
  const child = spawn(program, process.argv.slice(2), { stdio: 'inherit', windowsHide: true });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail([`${program} does not start: ${error.message}`]));
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    // Whoever waits for this process is to see the end that the program had.
    for (const it of signals) process.removeAllListeners(it);
    process.exitCode = 128 + constants.signals[signal];
    process.kill(process.pid, signal);
  });
}

let program;
try {
  const ending = process.platform === 'win32' ? '.exe' : '';
  program = require.resolve(`${wanted}/bin/${name}${ending}`);
} catch {
  // Said below.
}
if (program === undefined) missing();
else start(program);

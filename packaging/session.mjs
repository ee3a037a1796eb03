// A server that speaks MCP over standard input and output, as a client sees it.

import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Seconds until something that should have happened counts as failed. Nothing waits that long when all is well. */
const PATIENCE = 60;

/** What a promise brings, or an error that says what was waited for. */
function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${PATIENCE} s`)), PATIENCE * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** One started server. */
export class Session {
  #child;
  #input;
  #ended;
  #closed;
  #waiting = new Map();
  #next = 1;
  /** What it wrote to standard output besides messages. */
  strays = [];

  constructor(command, args, options) {
    this.#child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#closed = new Promise((resolve) => this.#child.on('close', resolve));
    this.#ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('exit', (code, signal) => resolve({ code, signal }));
    });
    this.#ended.catch(() => {});
    // Node closes the input of a child that has ended, unless it no longer knows it. It has to stay open: a process
    // that was left behind would end by that too.
    this.#input = this.#child.stdin;
    this.#child.stdin = null;
    this.#input.on('error', () => {});
    this.#closed.then(() => {
      this.#input.destroy();
      for (const { reject } of this.#waiting.values()) reject(new Error(`${command} ended before its answer`));
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line));
  }

  #take(line) {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      this.strays.push(line);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error) waiting?.reject(new Error(JSON.stringify(message.error)));
    else waiting?.resolve(message.result);
  }

  #send(message) {
    this.#input.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  /** The result of a request. */
  request(method, params = {}) {
    const id = this.#next;
    this.#next += 1;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#send({ id, method, params });
    // One that does not start at all has an error instead.
    return within(Promise.race([answer, this.#ended.then(() => answer)]), `the answer to ${method}`);
  }

  /** Greets the server, as each client does first. */
  async initialize(capabilities = {}, protocolVersion = '2025-06-18') {
    const clientInfo = { name: 'packaging', version: '1' };
    const result = await this.request('initialize', { protocolVersion, capabilities, clientInfo });
    this.#send({ method: 'notifications/initialized' });
    return result;
  }

  /** The names of the tools. */
  async tools() {
    await this.initialize();
    const { tools } = await this.request('tools/list');
    return tools.map((tool) => tool.name);
  }

  /** Sends a signal, or closes standard input without one, and waits for the end. */
  end(signal) {
    if (signal === undefined) this.#input.end();
    else this.#child.kill(signal);
    return within(this.#ended, `the end after ${signal ?? 'the end of its input'}`);
  }

  /** How it ended, whoever ended it. */
  ended() {
    return within(this.#ended, 'the end');
  }

  /** Waits until nobody can write to its output any more. */
  closed() {
    return within(this.#closed, 'the end of its output');
  }
}

/** The processes that run this program; `undefined` where no /proc tells. */
export function running(program) {
  let ids;
  try {
    ids = readdirSync('/proc').filter((it) => /^\d+$/.test(it));
  } catch {
    return undefined;
  }
  const isIt = (id) => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0')[0] === program;
    } catch {
      return false;
    }
  };
  return ids.filter(isIt).map(Number);
}

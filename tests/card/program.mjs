// The real program as the browser tests use it: on its sandbox, or on a portal that a test prepares.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { Session } from '../../packaging/session.mjs';

export const ONE = 'update_crm_item';
export const MANY = 'update_crm_items';
export const UNDO = 'undo_crm_update';

const CARD = 'ui://bitrix24-crm-mcp/change-card.html';
const MIME = 'text/html;profile=mcp-app';
const RENDERS_CARDS = { extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: [MIME] } } };

/** Starts programs and portals, and ends them all. */
export class Starter {
  #folder;
  #card;
  #running = [];

  /** `folder` is where Cargo puts programs; `card` a file with the card to show in the place of theirs. */
  constructor(folder, card) {
    this.#folder = folder;
    this.#card = card;
  }

  /** A program on its own sandbox. */
  sandbox(settings) {
    return this.#program({ BITRIX24_SANDBOX: '1', ...settings });
  }

  /** A program on a prepared portal, which several may share. */
  on(portal, settings) {
    // Nothing has to wait for the limits of a real portal.
    return this.#program({ BITRIX24_WEBHOOK_URL: portal.webhook, BITRIX24_RATE: '100000/1000', ...settings });
  }

  /** A portal that obeys each of the orders. */
  async portal(...orders) {
    const portal = new Portal(join(this.#folder, 'examples/portal'));
    this.#running.push(portal);
    await portal.start();
    for (const order of orders) await portal.order(order);
    return portal;
  }

  async #program(settings) {
    const ours = Object.entries(process.env).filter(([key]) => !key.startsWith('BITRIX24_'));
    const env = { ...Object.fromEntries(ours), ...settings };
    const program = new Program(join(this.#folder, 'bitrix24-crm-mcp'), [], { env });
    program.card = this.#card;
    this.#running.push(program);
    await program.start();
    return program;
  }

  async end() {
    await Promise.all(this.#running.splice(0).map((it) => it.end()));
  }
}

/** A program that was told that its client renders cards. */
class Program extends Session {
  card;

  start() {
    return this.initialize(RENDERS_CARDS, '2025-11-25');
  }

  /** The result of a tool. */
  call(name, args) {
    return this.request('tools/call', { name, arguments: args });
  }

  /** What a call brings, with all that a host has of it. */
  async step(tool, args) {
    return { program: this, tool, args, result: await this.call(tool, args) };
  }

  /** The card's page. */
  async page() {
    const { contents: [content] } = await this.request('resources/read', { uri: CARD });
    if (content.mimeType !== MIME) throw new Error(`the card is ${content.mimeType}`);
    if (!this.card) return content.text;
    const [told] = /data-portal="[^"]*" data-tools="[^"]*"/.exec(content.text);
    return readFileSync(this.card, 'utf8').replace('data-portal="" data-tools=""', told);
  }

  /** An item as the portal has it now. */
  async item(entityTypeId, id, ...select) {
    return answer(await this.call('get_crm_item', { entityTypeId, id, select })).item;
  }
}

/** A portal of this machine. */
class Portal {
  #child;
  #lines;
  webhook;

  constructor(path) {
    if (!existsSync(path)) throw new Error(`there is no program at ${path}; \`cargo test\` makes it`);
    this.#child = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async #line() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the portal has ended');
    return value;
  }

  async start() {
    this.webhook = await this.#line();
  }

  async order(order) {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
    await this.#line();
  }

  end() {
    this.#child.stdin.end();
  }
}

/** The answer of a tool; of an error it stands behind a sentence. */
export function answer({ content: [{ text }] }) {
  return JSON.parse(text.slice(text.indexOf('{')));
}

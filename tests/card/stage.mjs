// Where cards are shown: a browser, a page of a host, and the card within it, apart from both.

import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What hosts send with a card that asks for nothing. */
const POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'none'";

/** Nothing of the browser itself goes to the network or depends on the machine. */
const FLAGS = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-features=IsolateSandboxedIframes', '--force-color-profile=srgb', '--font-render-hinting=none', '--hide-scrollbars',
];

const LOCALES = { en: 'en-GB', ru: 'ru-RU' };

/** What a host lets a card do. */
export const ALLOWED = { serverTools: {}, openLinks: {}, updateModelContext: { text: {} } };

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** What a host hands on of a result: all of it, or what Claude Desktop gives of local servers. */
const FIDELITY = {
  full: (result) => result,
  stripped: ({ content, isError }) => ({ content, isError }),
};

/** A server on a port of its own, which makes it an origin of its own. */
async function serve(files, headers) {
  const server = createServer((request, response) => {
    const file = files[request.url];
    response.writeHead(file ? 200 : 404, file && { ...headers, 'content-type': file.type });
    response.end(file?.text);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

/** The browser with all that cards need around them. */
export class Stage {
  #servers = [];
  #browser;
  #host;
  #sandbox;

  /** `folder` has the npm packages of package.json. */
  static async open(folder, executablePath) {
    const stage = new Stage();
    const require = createRequire(join(folder, 'package.json'));
    const { outputFiles: [{ text }] } = await require('esbuild').build({
      entryPoints: [here('host.mjs')],
      nodePaths: [join(folder, 'node_modules')],
      bundle: true,
      minify: true,
      format: 'iife',
      write: false,
    });
    const page = (name) => ({ type: 'text/html; charset=utf-8', text: readFileSync(here(name)) });
    const host = await serve({ '/': page('host.html'), '/host.js': { type: 'text/javascript; charset=utf-8', text } });
    const sandbox = await serve({ '/': page('sandbox.html') }, { 'content-security-policy': POLICY });
    stage.#servers = [host.server, sandbox.server];
    stage.#host = `${host.origin}/`;
    stage.#sandbox = `${sandbox.origin}/`;
    stage.#browser = await require('playwright-core').chromium.launch({ executablePath, args: FLAGS });
    return stage;
  }

  /** A page of a host, for one card after the other. */
  async view(options = {}) {
    const context = await this.#browser.newContext({
      viewport: { width: 800, height: 1600 }, locale: 'en-US', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce',
      ...options,
    });
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    const view = new View(page, this.#sandbox);
    const ours = new Set([this.#host, `${this.#host}host.js`, this.#sandbox]);
    const note = (what) => view.faults.push(what);
    page.on('console', (it) => /error|warning/.test(it.type()) && note(`console: ${it.text()}`));
    page.on('pageerror', (error) => note(`error: ${error.message}`));
    context.on('request', (it) => !ours.has(it.url()) && note(`request: ${it.url().slice(0, 200)}`));
    context.on('page', (it) => note(`a window was opened: ${it.url()}`));
    page.on('dialog', (it) => {
      note(`dialog: ${it.message()}`);
      it.dismiss();
    });
    await page.exposeFunction('callTool', (params) => view.take(params));
    await page.goto(this.#host);
    return view;
  }

  async close() {
    await this.#browser?.close();
    for (const server of this.#servers) server.close();
  }
}

/** A host's page, and the card that it shows. */
class View {
  #sandbox;
  #context;
  #width;
  page;
  /** What must not have happened. */
  faults = [];
  /** The tool calls of the card. */
  calls = [];
  /** What the host does with a call. */
  onCall;
  /** The frame of the card. */
  card;

  constructor(page, sandbox) {
    this.page = page;
    this.#sandbox = sandbox;
  }

  take(params) {
    this.calls.push(params);
    return this.onCall(params);
  }

  /** Shows the card with what a host has of a call. */
  async show(step, { lang = 'en', theme = 'light', width = 760, fidelity = 'full', capabilities, context } = {}) {
    const { program, tool, args, partial, cancelled } = step;
    this.calls = [];
    this.#width = width;
    this.onCall = ({ name, arguments: given }) => program.call(name, given);
    this.#context = {
      theme,
      locale: LOCALES[lang],
      timeZone: 'Europe/Berlin',
      displayMode: 'inline',
      availableDisplayModes: ['inline'],
      containerDimensions: { width, maxHeight: 6000 },
      platform: 'desktop',
      ...(fidelity === 'full' && { toolInfo: { tool: { name: tool, inputSchema: { type: 'object' } } } }),
      ...step.context,
      ...context,
    };
    await this.page.evaluate((it) => window.host.show(it), {
      html: step.html ?? await program.page(),
      sandbox: this.#sandbox,
      capabilities: capabilities ?? step.capabilities ?? ALLOWED,
      context: this.#context,
      width,
      args,
      partial,
      cancelled,
      result: step.result && FIDELITY[fidelity](step.result),
    });
    this.card = this.page.frames().find((it) => it.parentFrame()?.parentFrame());
    await this.settle();
  }

  /** Has the host say that it looks otherwise now. */
  async change({ theme, width }) {
    this.#width = width;
    this.#context = { ...this.#context, theme, containerDimensions: { width, maxHeight: 6000 } };
    await this.page.evaluate((it) => window.host.change(it), { context: this.#context, width });
    await this.settle();
  }

  /** Waits until the card has the height that it takes, unless the host has given it one. */
  async settle() {
    const isSettled = ([width, hasHeight]) => {
      const { height } = document.documentElement.getBoundingClientRect();
      const fits = hasHeight || Math.abs(height - innerHeight) <= 1;
      return fits && innerWidth === width && document.body.innerText.trim() !== '';
    };
    const hasHeight = this.#context.containerDimensions?.height !== undefined;
    try {
      await this.card.waitForFunction(isSettled, [this.#width, hasHeight], { timeout: 5000 });
    } catch (error) {
      const [text, height, inner] = await this.card.evaluate(() => [
        document.body.innerText.trim(), document.documentElement.getBoundingClientRect().height, innerHeight,
      ]);
      const what = text ? `is ${height} px high and has told its host ${inner} px` : 'is empty';
      throw new Error(`the card ${what}`, { cause: error });
    }
  }

  /** What the host was asked for besides tool calls. */
  record() {
    return this.page.evaluate(() => window.host.record());
  }

  /** The texts and roles of the card. */
  texts() {
    return this.card.locator('body').ariaSnapshot();
  }

  button(name) {
    return this.card.getByRole('button', { name, exact: true });
  }

  /** A picture of the card, as far as it is in the window. */
  async picture(path) {
    const { width, height } = await this.page.locator('iframe').boundingBox();
    const clip = { x: 0, y: 0, width, height: Math.min(height, this.page.viewportSize().height) };
    await this.page.screenshot({ path, clip, caret: 'initial' });
  }

  close() {
    return this.page.context().close();
  }
}

// Prints the links that add the server to Cursor and to VS Code by one click, for applications and, in the second
// form, for web pages that allow no other addresses than https. They hold no webhook: Cursor takes it from an
// environment variable, VS Code asks for it. packaging/sync.mjs puts the same into packaging/README.md.

import { fileURLToPath } from 'node:url';

import { project } from './project.mjs';

const NAME = 'bitrix24';
const VARIABLE = 'BITRIX24_WEBHOOK_URL';
const start = { command: 'npx', args: ['-y', `${project.name}@${project.version}`] };

/** Cursor's: the configuration as base64. */
function cursor() {
  const config = { ...start, env: { [VARIABLE]: `\${env:${VARIABLE}}` } };
  const base64 = Buffer.from(JSON.stringify(config)).toString('base64');
  const query = `name=${NAME}&config=${encodeURIComponent(base64)}`;
  return [`cursor://anysphere.cursor-deeplink/mcp/install?${query}`, `https://cursor.com/en/install-mcp?${query}`];
}

/** VS Code's: the configuration as JSON, with a question for the webhook. */
function vsCode() {
  const webhook = { type: 'promptString', id: 'bitrix24-webhook', description: 'Bitrix24 webhook', password: true };
  const config = { ...start, env: { [VARIABLE]: `\${input:${webhook.id}}` } };
  const encoded = (value) => encodeURIComponent(JSON.stringify(value));
  const query = `name=${NAME}&inputs=${encoded([webhook])}&config=${encoded(config)}`;
  return [
    `vscode:mcp/install?${encoded({ name: NAME, ...config, inputs: [webhook] })}`,
    `https://vscode.dev/redirect/mcp/install?${query}`,
  ];
}

/** All links as a text. */
export const links = () => ['Cursor:', ...cursor(), '', 'VS Code:', ...vsCode(), ''].join('\n');

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(links());

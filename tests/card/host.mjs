// A host that renders the change card, in the page: the official bridge, and a record of what the card asks for.

import { AppBridge, PostMessageTransport } from '@modelcontextprotocol/ext-apps/app-bridge';

/** Backgrounds of hosts, on which a card stands. */
const BACKGROUNDS = { light: '#ffffff', dark: '#1b1b1f' };

/** The host of the card that is shown, and what it was asked for. */
let bridge;
let frame;
let record;

/** The host's side of the look: the page's own colours, and the size of the card, which has its own height or is given one. */
function dress({ theme, width, height }) {
  document.documentElement.style.colorScheme = theme;
  document.body.style.background = BACKGROUNDS[theme];
  frame.style.width = `${width}px`;
  if (height !== undefined) frame.style.height = `${height}px`;
}

/** Shows a card in the place of the former one, and sends it what a host sends after a call. */
async function show({ html, sandbox, capabilities, context, width, args, partial, result, cancelled }) {
  const height = context.containerDimensions?.height;
  await bridge?.close();
  frame?.remove();
  record = { links: [], contexts: [], messages: [], sizes: [] };
  frame = document.createElement('iframe');
  dress({ theme: context.theme ?? 'light', width, height });
  bridge = new AppBridge(null, { name: 'tests', version: '1' }, capabilities, { hostContext: context });
  bridge.oncalltool = (params) => window.callTool(params);
  bridge.onopenlink = async ({ url }) => {
    record.links.push(url);
    return {};
  };
  bridge.onupdatemodelcontext = async (params) => {
    record.contexts.push(params);
    return {};
  };
  bridge.onmessage = async (params) => {
    record.messages.push(params);
    return {};
  };
  bridge.onsizechange = (size) => {
    record.sizes.push(size);
    if (height === undefined && size.height !== undefined) frame.style.height = `${size.height}px`;
  };
  bridge.onrequestdisplaymode = async () => ({ mode: context.displayMode ?? 'inline' });
  const isReady = new Promise((resolve) => {
    bridge.onsandboxready = () => bridge.sendSandboxResourceReady({ html });
    bridge.oninitialized = resolve;
  });
  document.body.append(frame);
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  frame.src = sandbox;
  await isReady;
  if (partial) await bridge.sendToolInputPartial({ arguments: partial });
  if (args !== undefined) await bridge.sendToolInput({ arguments: args });
  if (result) await bridge.sendToolResult(result);
  if (cancelled) await bridge.sendToolCancelled({ reason: cancelled });
  await heard();
}

/** Waits until the card has taken all that was sent: messages keep their order. */
const heard = () => bridge.request({ method: 'ping' });

/** Changes what the host has told the card. */
async function change({ context, width }) {
  dress({ theme: context.theme, width });
  bridge.setHostContext(context);
  await heard();
}

window.host = {
  show,
  change,
  record: () => record,
  /** What a host asks before it removes a card. */
  leave: () => bridge.teardownResource({}),
};

// What the tests of actions expect of a card after each step.

import assert from 'node:assert/strict';

/** Waits until the card says something to those who do not see it. */
export function said(view, pattern) {
  const says = (source) => new RegExp(source, 'i').test(document.querySelector('[role=status]').textContent);
  return view.card.waitForFunction(says, pattern.source, { timeout: 10_000 }).catch(async () => {
    throw new Error(`the card does not say ${pattern}, but has:\n${await view.texts()}`);
  });
}

/** Where the focus is: it has to be within the card, on something that is there. */
export async function focusStays(view) {
  const tag = await view.card.evaluate(() => document.activeElement.localName);
  assert.notEqual(tag, 'body', 'the focus is lost');
}

/** Whether there is such a button. */
export const has = async (view, name) => (await view.button(name).count()) > 0;

/** What the card has told the model: fixed sentences with names and ids of ours, whatever the portal says. */
export async function sentences(view) {
  const { contexts, messages } = await view.record();
  assert.deepEqual(messages, [], 'the card writes into the conversation');
  return contexts.map(({ content, structuredContent }) => {
    assert.equal(structuredContent, undefined);
    assert.equal(content.length, 1);
    assert.match(content[0].text, /^[A-Za-z0-9_ :,.;]{1,300}$/);
    return content[0].text;
  });
}

/** A host whose answer to that call comes when the test says so. */
export function held(view, call = 1) {
  let release;
  const isReleased = new Promise((resolve) => {
    release = resolve;
  });
  const pass = view.onCall;
  view.onCall = async (params) => {
    if (view.calls.length === call) await isReleased;
    return pass(params);
  };
  return release;
}

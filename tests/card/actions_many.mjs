// What people do with the card of many items.

import assert from 'node:assert/strict';

import { focusStays, has, held, said, sentences } from './expect.mjs';
import { MANY, answer } from './program.mjs';
import { HAND_OVER, MANY_STATES, prepared } from './states_many.mjs';

/** How many of the added deals belong to a user. */
async function owned(program, user) {
  const args = { entityTypeId: 2, filter: { '%title': 'Deal ', assignedById: user }, limit: 1, start: 0 };
  return answer(await program.call('find_crm_items', args)).total;
}

/** The preview of so many deals. */
async function preview(view, start, count) {
  const program = await start.on(await prepared(start, count));
  await view.show(await program.step(MANY, HAND_OVER));
  return program;
}

/** The second question, of 24 items. */
const SURE = 'Yes, change 24 items';

const rowsOf = (view) => view.card.locator('[role=list] [role=listitem]');

export const MANY_ACTIONS = {
  async 'many: more than ten are asked for once more'({ view, start }) {
    const program = await preview(view, start, 24);
    await view.button('Apply').click();
    await view.button(SURE).waitFor();
    assert.equal(view.calls.length, 0, 'it was not asked');
    await focusStays(view);
    await view.button('Cancel').click();
    assert.equal(await has(view, SURE), false);
    await view.button('Apply').click();
    await view.button(SURE).click();
    await said(view, /Changed/);
    assert.equal(view.calls.length, 1);
    assert.deepEqual(view.calls[0].arguments.filter, HAND_OVER.filter);
    assert(view.calls[0].arguments.confirm, 'the confirmation is missing');
    assert.equal(await owned(program, 7), 24);
    await focusStays(view);
    assert.equal((await sentences(view)).length, 1);

    await view.button('Undo').click();
    await view.button('Put back').click();
    assert.equal(await owned(program, 7), 24, 'it was not asked before the undo');
    await view.button(SURE).click();
    await said(view, /Put back/);
    assert.equal(await owned(program, 7), 0);
  },

  async 'many: a few are applied at once'({ view, start }) {
    const program = await preview(view, start, 8);
    await view.button('Apply').click();
    await said(view, /Changed/);
    assert.equal(await owned(program, 7), 8);
  },

  async 'many: what was shown is no longer so'({ view, start }) {
    const program = await preview(view, start, 8);
    await program.call('update_crm_item', { entityTypeId: 2, id: 1001, fields: { assignedById: 8 } });
    await view.button('Apply').click();
    await said(view, /things have changed/);
    assert.equal(await owned(program, 7), 0);
    await view.button('Apply').click();
    await said(view, /^Changed(?! since)/);
    assert.equal(await owned(program, 7), 7);
    assert.equal(await owned(program, 8), 1);
  },

  async 'many: a pause is gone on from'({ view, start }) {
    const step = await MANY_STATES['many-paused'](start);
    const { updated, left } = answer(step.result);
    assert.equal(updated + left, 30);
    await view.show(step);
    await step.portal.order({ rules: {} });
    await view.button('Continue').click();
    await said(view, /Changed/);
    assert.equal(await owned(step.program, 7), 30);
    assert.match(await view.texts(), /Changed 30/);
  },

  async 'many: a pause after which nothing more is written'({ view, start }) {
    const step = await MANY_STATES['many-paused'](start);
    const { updated } = answer(step.result);
    await view.show(step);
    const error = { code: 'PORTAL_UNREACHABLE', message: 'no connection', written: 'no', retry: 'later' };
    const text = `Error: no connection; nothing was written.\n${JSON.stringify({ ok: false, error })}`;
    view.onCall = async () => ({ isError: true, content: [{ type: 'text', text }] });
    await view.button('Continue').click();
    await said(view, /in part/);
    assert.match(await view.texts(), new RegExp(`Changed ${updated}`));
  },

  async 'many: two clicks do not pass the second question'({ view, start }) {
    const program = await preview(view, start, 24);
    await view.button('Apply').dblclick();
    await view.button(SURE).waitFor();
    assert.equal(view.calls.length, 0, 'it was not asked');
    assert.equal(await owned(program, 7), 0);
  },

  async 'many: it goes on by itself until it is stopped'({ view, start }) {
    await preview(view, start, 24);
    const account = (status, updated, left) => ({ content: [{ type: 'text', text: JSON.stringify({
      ok: true, status, entityTypeId: 2, count: updated + left, updated, unchanged: 0, left, notes: [],
      ...(left > 0 && { retryAfterSeconds: 0, next: { confirm: `${left}.0123456789abcdef.0` } }),
    }) }] });
    const answers = [account('paused', 8, 16), account('paused', 8, 8), account('updated', 8, 0)];
    view.onCall = async () => answers[view.calls.length - 1];
    const release = held(view, 2);
    await view.button('Apply').click();
    await view.button(SURE).click();
    await view.card.waitForFunction(() => document.querySelector('progress')?.value === 8);
    await view.button('Stop after this step').click();
    release();
    await said(view, /Paused/);
    assert.equal(view.calls.length, 2, 'it was not stopped');
    assert.equal(view.calls[1].arguments.confirm, '16.0123456789abcdef.0');
    assert.match(await view.texts(), /Changed 16 · Not reached 8/);
    await view.button('Continue').click();
    await said(view, /^Changed/);
    assert.equal(view.calls[2].arguments.confirm, '8.0123456789abcdef.0');
    assert.match(await view.texts(), /Changed 24/);
  },

  async 'many: a card that fills the window'({ view, start }) {
    const program = await start.on(await prepared(start, 60));
    const context = { displayMode: 'fullscreen', containerDimensions: { width: 760, height: 1200 } };
    await view.show(await program.step(MANY, HAND_OVER), { context });
    await said(view, /Nothing has been written/);
    const { height } = await view.card.locator('[role=list]').last().boundingBox();
    const whole = await view.card.evaluate(() => document.documentElement.scrollHeight);
    assert(height > 400, `the list is only ${height} px high`);
    assert(whole <= 1200, `the card is ${whole} px high`);
  },

  async 'many: a thousand rows'({ view, start }) {
    const program = await start.on(await prepared(start, 1000));
    const step = await program.step(MANY, HAND_OVER);
    const { rows } = step.result._meta['bitrix24-crm-mcp/card'];
    assert.equal(rows.length, 1000);
    rows[3].changes = [{ field: 'comments', before: '', after: 'endless '.repeat(12_500) }];
    rows[4].title = 'x'.repeat(100_000);
    await view.show(step, { width: 320 });
    assert((await rowsOf(view).count()) <= 40, 'there are too many rows');
    const shapes = () => view.card.locator('[role=list] [role=listitem]').evaluateAll((rows) => (
      rows.map((it) => [it.getBoundingClientRect().top, it.getBoundingClientRect().height, it.scrollHeight])
    ));
    const inOrder = async () => {
      const all = await shapes();
      assert(all.length > 0, 'there is no row');
      all.forEach(([top, height, inner], at) => {
        assert(inner <= height + 1, `a row is ${height} px high and holds ${inner} px`);
        if (at > 0) assert.equal(Math.round(top), Math.round(all[at - 1][0] + all[at - 1][1]), 'rows overlap');
      });
    };
    await inOrder();
    const list = view.card.locator('[role=list]').last();
    for (const part of [0.5, 1]) {
      await list.evaluate((it, share) => {
        it.scrollTop = it.scrollHeight * share;
      }, part);
      await view.card.getByText(part === 1 ? '№ 2000' : '№ 1505', { exact: true }).waitFor();
      assert((await rowsOf(view).count()) <= 40, 'there are too many rows');
      await inOrder();
    }
    await view.card.getByRole('searchbox').fill('Deal 777');
    await view.card.getByText('№ 1777', { exact: true }).waitFor();
    assert.equal(await rowsOf(view).count(), 1);
    await view.card.getByRole('searchbox').fill('');
    await view.card.getByText('№ 1001', { exact: true }).waitFor();
    assert.equal(await rowsOf(view).first().getAttribute('aria-setsize'), '1000');
    assert.equal(await has(view, 'Apply'), true);
  },
};

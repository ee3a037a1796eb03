// What a card may have to show of many items.

import { MANY, ONE, UNDO, answer } from './program.mjs';

/** The deals that a portal adds, handed over to another person. */
export const HAND_OVER = {
  entityTypeId: 2, filter: { '%title': 'Deal ', assignedById: 1 }, fields: { assignedById: 7 },
};

/** A portal with so many deals, of which some lack what the next stage requires. */
export const prepared = (start, count, ...orders) => start.portal({ deals: count }, ...orders);

const EMPTY = [1003, 1017, 1021].map((id) => ({ empty: { id, field: 'opportunity' } }));
const REQUIRED = { rules: { required: ['PREPARATION', 'opportunity'] } };

/** A call with what the preview of the same call asks to repeat. */
export async function confirmed(program, tool, args) {
  const { confirm } = answer(await program.call(tool, { ...args, dryRun: true }));
  return { ...args, confirm };
}

const MIXED = {
  entityTypeId: 2, ids: [102, 103, 351, 360, 101], fields: { assignedById: 7 }, expect: { categoryId: 0 },
};

export const MANY_STATES = {
  async 'many-preview'(start) {
    const program = await start.on(await prepared(start, 0));
    return program.step(MANY, { ...MIXED, dryRun: true });
  },
  async 'many-filter'(start) {
    const program = await start.on(await prepared(start, 24));
    return program.step(MANY, HAND_OVER);
  },
  async 'many-partial'(start) {
    const program = await start.on(await prepared(start, 0));
    return program.step(MANY, MIXED);
  },
  async 'many-own-values'(start) {
    const program = await start.on(await prepared(start, 8));
    const items = [1001, 1002, 1003, 1004, 1005, 1006, 1007].map((id) => ({
      id, title: `Order ${id}`, opportunity: id * 10, closedate: '2026-12-31',
    }));
    return program.step(MANY, { entityTypeId: 2, items });
  },
  async 'many-failures'(start) {
    const portal = await prepared(start, 30, ...EMPTY, REQUIRED);
    const program = await start.on(portal);
    const args = { entityTypeId: 2, ids: Array.from({ length: 30 }, (_, at) => 1001 + at), fields: { stageId: 'PREPARATION' } };
    return program.step(MANY, args);
  },
  async 'many-thousand'(start) {
    const program = await start.on(await prepared(start, 1000));
    return program.step(MANY, HAND_OVER);
  },
  async 'many-unchanged'(start) {
    const program = await start.on(await prepared(start, 0));
    return program.step(MANY, { entityTypeId: 2, ids: [101, 102], fields: { assignedById: 1 }, dryRun: true });
  },
  /** The portal takes no more for now: two updates are more than it allows. */
  async 'many-paused'(start) {
    const portal = await prepared(start, 30);
    const program = await start.on(portal);
    const args = await confirmed(program, MANY, HAND_OVER);
    await portal.order({ rules: { updateMilliseconds: 600, operatingSeconds: 1 } });
    return { ...await program.step(MANY, args), portal };
  },
  /** What was shown is no longer so when it is confirmed. */
  async 'many-moved'(start) {
    const program = await start.on(await prepared(start, 12));
    const args = await confirmed(program, MANY, HAND_OVER);
    await program.call(ONE, { entityTypeId: 2, id: 1001, fields: { assignedById: 8 } });
    return program.step(MANY, args);
  },
  async 'many-undo-plan'(start) {
    const program = await start.on(await prepared(start, 0));
    const { changeId } = answer(await program.call(MANY, { entityTypeId: 2, ids: [101, 102, 103, 351], fields: { assignedById: 8 } }));
    await program.call(ONE, { entityTypeId: 2, id: 351, fields: { assignedById: 7 } });
    return program.step(UNDO, { changeId, dryRun: true });
  },
  async 'many-undone'(start) {
    const { program, args: { changeId } } = await MANY_STATES['many-undo-plan'](start);
    return program.step(UNDO, { changeId });
  },
};

// What a card may have to show of one item, each as the calls that bring it about. Every state is a function that gets
// a `Starter` and gives the call to show: the program, the tool, its arguments and its result.

import { ONE, UNDO, answer } from './program.mjs';

const LONG = 'The customer wants the contract in both languages, with the price list attached. '.repeat(12).trim();

/** A change of a deal in words of people: names, a day, an amount, a text that does not fit in a line. */
export const CHANGE = {
  entityTypeId: 2,
  id: 351,
  fields: {
    title: 'Acme: service contract', stageId: 'Agreed', opportunity: 12000.5, assignedById: 'Marta Keller',
    closedate: '2026-12-31', comments: LONG,
  },
};

const deal = (id, fields, more) => ({ entityTypeId: 2, id, fields, ...more });

/** A program on a sandbox of its own, after some calls. */
async function after(start, ...calls) {
  const program = await start.sandbox();
  const answers = [];
  for (const [tool, args] of calls) answers.push(answer(await program.call(tool, args)));
  return { program, answers };
}

/** The call of a tool on a new sandbox. */
const first = (tool, args, more) => async (start) => {
  const program = await start.sandbox(more?.settings);
  return { ...await program.step(tool, args), ...more };
};

/** A change that was put back, or is shown to be. */
const undone = (more, ...calls) => async (start) => {
  const { program, answers } = await after(start, ...calls);
  return program.step(UNDO, { changeId: answers[0].changeId, ...more });
};

export const STATES = {
  plan: first(ONE, { ...CHANGE, dryRun: true }),
  applied: first(ONE, CHANGE),
  unchanged: first(ONE, deal(351, { title: 'Service contract', opportunity: 500 })),
  'plan-of-nothing': first(ONE, deal(351, { title: 'Service contract' }, { dryRun: true })),
  emptied: first(ONE, deal(103, {}, { clear: ['ufCrm_1730000000009', 'contactIds', 'typeId'] })),
  partial: first(ONE, deal(351, { title: 'Acme: service contract', stageId: 'C9:NEGOTIATION' })),
  refused: first(ONE, {
    entityTypeId: 3, id: 6, fields: { companyId: 11, birthdate: '05/03/1990', honorifc: 'HNR_EN_1' },
  }),
  conflict: first(ONE, deal(351, { opportunity: 700 }, { expect: { stageId: 'Agreed' } })),
  denied: first(ONE, deal(360, { title: 'Merger' })),
  'not-found': first(ONE, deal(999, { title: 'Nobody' })),

  /** The portal's robot moves the deal on, so that another stage than the asked one is there. */
  async automation(start) {
    const portal = await start.portal({ rules: { robot: ['EXECUTING', 'WON'], dealsCloseToday: false } });
    const program = await start.on(portal);
    return program.step(ONE, deal(102, { stageId: 'EXECUTING', title: 'Orbit: annual licence 2027' }));
  },

  phones: first(ONE, {
    entityTypeId: 3,
    id: 5,
    fields: {
      fm: {
        n0: { typeId: 'PHONE', valueType: 'MOBILE', value: '+46700000002' },
        31: { value: '+46700000001' },
        32: { value: '' },
      },
    },
  }),
  lists: first(ONE, deal(355, {
    observers: [6, 8], ufCrm_1730000000001: [45, 46], ufCrm_1730000000007: ['D_101', 'CO_11'], contactIds: [5, 7],
  })),
  kinds: first(ONE, deal(351, {
    ufCrm_1730000000003: true, ufCrm_1730000000004: '2026-12-24', ufCrm_1730000000005: '300|USD',
    ufCrm_1730000000006: '2026-12-24T18:30:00+02:00', ufCrm_1730000000008: 8, isManualOpportunity: 'N',
  })),
  'original-names': first(ONE, deal(355, { UF_CRM_1730000000002: 45 }, { useOriginalUfNames: 'Y', dryRun: true })),
  'smart-process': first(ONE, { entityTypeId: 1220, id: 1, fields: { stageId: 'With the client', opportunity: 7300 } }),

  undone: undone({}, [ONE, CHANGE]),
  'undo-plan': undone({ dryRun: true }, [ONE, CHANGE]),
  'undo-kept': undone({}, [ONE, CHANGE], [ONE, deal(351, { opportunity: 13000 })]),
  'undo-kept-plan': undone({ dryRun: true }, [ONE, CHANGE], [ONE, deal(351, { opportunity: 13000 })]),
  'undo-nothing': undone({}, [ONE, deal(351, { opportunity: 700 })], [ONE, deal(351, { opportunity: 900 })]),
  /** The portal has deleted the file that was replaced. */
  'undo-cannot': undone(
    { dryRun: true },
    [ONE, deal(355, { title: 'With a new paper', ufCrm_1617027453943: ['contract.txt', 'aGVsbG8='] })],
  ),
  'undo-twice': undone({}, [ONE, CHANGE], [UNDO, {}]),
  'undo-unknown': first(UNDO, { changeId: 'c0000000000' }),

  /** Nothing may be written, so the card offers nothing. */
  async 'read-only'(start) {
    const portal = await start.portal();
    const result = await (await start.on(portal)).call(ONE, { ...CHANGE, dryRun: true });
    return { program: await start.on(portal, { BITRIX24_READ_ONLY: '1' }), tool: ONE, args: CHANGE, result };
  },
  'no-tool-calls': first(ONE, CHANGE, { capabilities: { openLinks: {} } }),
  'no-links': first(ONE, CHANGE, { capabilities: { serverTools: {} } }),

  async cancelled(start) {
    return { program: await start.sandbox(), tool: ONE, args: CHANGE, cancelled: 'the user has cancelled' };
  },
  async waiting(start) {
    return { program: await start.sandbox(), tool: ONE, args: CHANGE };
  },
};

/** States that are also shown as a host gives them that hands on nothing but arguments, text and `isError`. */
export const STRIPPED = [
  'plan', 'applied', 'partial', 'refused', 'conflict', 'lists', 'phones', 'undone', 'undo-kept', 'undo-plan',
  'many-preview', 'many-partial', 'many-thousand', 'many-undo-plan', 'attack',
];


// What no server of ours sends and a card has to bear all the same: attacks, and forms that nobody expects.

import { MANY, ONE } from './program.mjs';

/** What a stranger may have written into a portal. */
const EVIL = [
  '<img src=x onerror="alert(1)"><script>alert(2)</script>',
  '</script><script>parent.postMessage("out","*")</script>',
  '"><svg onload=alert(3)>',
  'javascript:alert(4)',
  'https://evil.example/?steal',
  '=HYPERLINK("https://evil.example","here")',
  'safe\u202Egnp.exe\u202C and \u2066isolated\u2069',
  'zero\u200Bwidth\u200D joined\uFEFF and\u00AD soft',
  '{{constructor.constructor("alert(5)")()}}',
  'url(https://evil.example/x.png)',
  'a\u0000b\u0007c\u001B[31m',
  '&lt;b&gt;already escaped&lt;/b&gt;',
];

const HUGE = `${'x'.repeat(50_000)}${'word '.repeat(10_000)}`;

/** A result as a server gives it: the answer as text and as data. */
const resultOf = (value, meta, isError = false) => ({
  content: [{ type: 'text', text: JSON.stringify(value) }],
  structuredContent: value,
  isError,
  ...(meta && { _meta: { 'bitrix24-crm-mcp/card': meta } }),
});

const odd = (args, result, more) => async (start) => (
  { program: await start.sandbox(), tool: ONE, args, result, ...more }
);

// As JSON, because `__proto__` in a literal is no key.
const NAMES = JSON.parse(`{
  "__proto__": {"x": "polluted"}, "constructor": {"x": "polluted"}, "title": {"__proto__": "polluted"},
  "<b>bold</b>": {"x": "<i>name</i>"}
}`);

const attack = {
  ok: true,
  status: 'updated',
  entityTypeId: 2,
  id: 351,
  link: 'javascript:alert(6)',
  changes: [
    ...EVIL.map((text, at) => ({ field: `<b onclick=alert(${at})>field ${at}</b>`, before: text, after: EVIL[EVIL.length - 1 - at] })),
    { field: '__proto__', before: 'x', after: '__proto__' },
    { field: 'constructor', before: 'toString', after: 'valueOf' },
    { field: 'style', before: 'x}*{display:none', after: '</style><style>*{display:none}' },
    { field: 'list', before: EVIL, after: [EVIL[0], { value: EVIL[1], valueType: EVIL[2] }] },
    { field: 'fm.n0', before: null, after: { typeId: '__proto__', valueType: EVIL[0], value: EVIL[1] } },
  ],
  notes: EVIL,
  item: { id: 351, title: EVIL[0] },
  names: NAMES,
  titles: { '<b onclick=alert(0)>field 0</b>': EVIL[1], __proto__: EVIL[0] },
  changeId: 'c4f0k2m9zq7',
};

const many = {
  ok: false,
  status: 'partial',
  entityTypeId: 2,
  error: { code: 'PARTLY_APPLIED', message: EVIL[0], written: 'yes', retry: 'after_fix', hint: EVIL[1] },
  count: 40,
  updated: 20,
  unchanged: 0,
  notes: [],
  failed: EVIL.map((message, at) => ({ count: 1, ids: [1001 + at], code: EVIL[at], field: EVIL[0], why: EVIL[1], message })),
  conflicts: [{ count: 8, ids: [1013, 1014, 1015, 1016, 1017, 1018, 1019, 1020], code: 'CONFLICT', field: '<b>x</b>' }],
  changeId: '"><img src=x>',
};

export const ODD_STATES = {
  attack: odd({ entityTypeId: 2, id: 351, fields: { title: EVIL[0] } }, resultOf(attack, {
    title: EVIL[1], link: 'https://evil.example/crm/deal/details/351/', type: EVIL[0], fields: { style: EVIL[0] },
  })),
  'attack-many': odd({ entityTypeId: 2, ids: Array.from({ length: 40 }, (_, at) => 1001 + at) }, resultOf(many, {
    fields: { title: EVIL[0] },
    names: NAMES,
    rows: Array.from({ length: 40 }, (_, at) => ({
      id: 1001 + at, title: EVIL[at % EVIL.length], status: EVIL[at] ?? 'written',
      changes: [{ field: 'title', before: EVIL[at % EVIL.length], after: HUGE.slice(0, 5000) }],
    })),
  }, true), { tool: MANY }),
  'attack-error': odd({ entityTypeId: 2, id: 351, fields: {} }, {
    content: [{
      type: 'text',
      text: `Error: ${EVIL[0]}.\n${JSON.stringify({ ok: false, error: {
        code: EVIL[0], message: EVIL[1], written: EVIL[2], retry: '__proto__', hint: EVIL[3],
        problems: EVIL.map((message, at) => ({ path: `fields.${EVIL[at]}`, message, didYouMean: EVIL[0], now: EVIL[1] })),
      } })}`,
    }],
    isError: true,
  }),
  huge: odd({ entityTypeId: 2, id: 351, fields: { comments: HUGE } }, resultOf({
    ok: true, status: 'updated', entityTypeId: 2, id: 351,
    changes: [
      { field: 'comments', before: '', after: HUGE },
      { field: 'title', before: HUGE, after: `${'\n'.repeat(500)}end` },
      { field: 'x'.repeat(3000), before: [HUGE, HUGE], after: ['\u05D0'.repeat(2000)] },
    ],
    notes: [HUGE], item: { id: 351, title: 'y'.repeat(5000) }, changeId: 'c4f0k2m9zq7',
  })),
  'many-changes': odd({ entityTypeId: 2, id: 351, fields: {} }, resultOf({
    ok: true, status: 'updated', entityTypeId: 2, id: 351, notes: [], item: { id: 351, title: 'Service contract' },
    changes: Array.from({ length: 500 }, (_, at) => ({ field: `ufCrm_${at}`, before: at, after: at + 1 })),
  })),
  'other-portal': odd({ entityTypeId: 2, id: 351, fields: { title: 'x' } }, resultOf({
    ok: true, status: 'updated', entityTypeId: 2, id: 351, link: 'https://evil.example/crm/deal/details/351/',
    changes: [{ field: 'title', before: 'a', after: 'x' }], notes: [], item: { id: 351, title: 'x' },
  })),
  'odd-arguments': odd({ fields: 'title', id: { a: 1 }, entityTypeId: [] }, resultOf({
    ok: true, status: 'updated', changes: 'none', notes: 7, item: null, names: [], id: {}, entityTypeId: 'x',
  })),
  'odd-changes': odd({}, resultOf({
    ok: true, status: 'updated', changes: [null, 7, 'x', [], {}, { field: null }, { field: 7, before: [[]], after: { a: { b: 1 } } }],
    notes: [null, 7, {}], kept: [null], notApplied: [null], error: 'x',
  })),
  'odd-many': odd({ ids: 'all', items: [null, 7] }, resultOf({
    ok: true, status: 'updated', count: 'x', updated: {}, failed: [null, 7, { ids: 'x', count: 'x' }], samples: [null, 7],
    unknown: ['x'], conflicts: {},
  }, { rows: [null, 7, { id: 'x' }, { id: 5, changes: [null, 7], title: {} }], names: 7, fields: 7 }), { tool: MANY }),
  'no-json': odd({ entityTypeId: 2, id: 351 }, { content: [{ type: 'text', text: 'Something went wrong {not json' }], isError: true }),
  'no-content': odd({ entityTypeId: 2, id: 351 }, { content: [] }),
  'no-answer': odd({ entityTypeId: 2, id: 351 }, { content: [{ type: 'image', data: '', mimeType: 'image/png' }] }),
  'unknown-outcome': odd({ entityTypeId: 2, id: 351, fields: { title: 'x' } }, {
    content: [{
      type: 'text',
      text: `Error: the answer was lost.\n${JSON.stringify({ ok: false, error: {
        code: 'CONNECTION', message: 'the portal gave no answer', written: 'unknown', retry: 'check', hint: 'read the item',
      } })}`,
    }],
    isError: true,
  }),
};

// Looks at one state: in both languages, both themes and two widths.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { inspect, walk } from './inspect.mjs';

/** Where the texts of all states are. */
export const TEXTS = fileURLToPath(new URL('states/', import.meta.url));

/** How much of a state is kept: nobody reads more of what is repeated. */
const LINES = 150;
const LINE = 400;

/** A state without what differs from run to run. */
function settled(text) {
  const lines = text.replace(/127\.0\.0\.1:\d+/g, 'portal.example').split('\n');
  const kept = lines.slice(0, LINES).map((it) => (it.length > LINE ? `${it.slice(0, LINE)}… (${it.length})` : it));
  return [...kept, ...(lines.length > LINES ? [`… (${lines.length} lines)`] : []), ''].join('\n');
}

/** Compares with the text of a file, or writes it. */
function compare(name, text, isUpdate) {
  const file = join(TEXTS, `${name}.txt`);
  const old = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (old === text) return [];
  if (isUpdate) {
    writeFileSync(file, text);
    return [];
  }
  const [before, after] = [old.split('\n'), text.split('\n')];
  const at = after.findIndex((line, index) => line !== before[index]);
  return [`${name}.txt, line ${at + 1}: there is \`${after[at]}\`, not \`${before[at]}\``];
}

/** Opens what is folded; whether there was anything. */
async function unfold(view) {
  const count = await view.card.evaluate(() => {
    const folded = document.querySelectorAll('details:not([open]) summary, [aria-expanded=false]');
    for (const it of folded) it.click();
    return folded.length;
  });
  if (count > 0) await view.settle();
  return count > 0;
}

/** What each language is looked at in: a theme and a width first, and what the host changes them to. */
const LOOKS = {
  en: [['light', 760], ['dark', 320]],
  ru: [['dark', 760], ['light', 320]],
};

/** Every fault of a state. */
export async function look(view, name, step, { languages, fidelity, screenshots, isUpdate }) {
  const faults = [];
  for (const lang of languages) {
    let first;
    let now;
    const inspected = async (theme, width, more = '') => {
      now = `${lang}, ${theme}, ${width} px${more}`;
      const found = await view.card.evaluate(inspect, theme);
      faults.push(...found.map((it) => `${now}: ${it}`));
    };
    for (const [theme, width] of LOOKS[lang]) {
      if (first === undefined) await view.show(step, { lang, theme, width, fidelity });
      else await view.change({ theme, width });
      const text = settled(await view.texts());
      first ??= text;
      await inspected(theme, width);
      if (text !== first) faults.push(`${now}: other texts than before:\n${text}`);
      await view.picture(join(screenshots, `${name}-${lang}-${theme}-${width}.png`));
    }
    faults.push(...compare(`${name}.${lang}`, first, isUpdate));
    faults.push(...(await walk(view)).map((it) => `${lang}: ${it}`));
    if (await unfold(view)) await inspected(...LOOKS[lang].at(-1), ', unfolded');
  }
  return faults;
}

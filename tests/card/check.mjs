// What tests/card/check.sh does once there are a browser and the npm packages.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { ACTIONS } from './actions.mjs';
import { MANY_ACTIONS } from './actions_many.mjs';
import { TEXTS, look } from './look.mjs';
import { takePictures } from './pictures.mjs';
import { Starter } from './program.mjs';
import { Stage } from './stage.mjs';
import { STATES, STRIPPED } from './states.mjs';
import { MANY_STATES } from './states_many.mjs';
import { ODD_STATES } from './states_odd.mjs';

/** How many cards are looked at at once: each of them waits a good part of its time. */
const PAGES = 3;

const [programs, work, chromium, ...flags] = process.argv.slice(2);
const flag = (name) => flags.find((it) => it.startsWith(`--${name}=`))?.split('=')[1];
const only = flag('only') ?? '';
const starter = () => new Starter(programs, flag('card'));
const options = { screenshots: join(work, 'screenshots'), isUpdate: flags.includes('--update') };

const states = { ...STATES, ...MANY_STATES, ...ODD_STATES };
const jobs = [
  ...Object.keys({ ...STATES, ...MANY_STATES }).map((name) => looking(name, name, ['en', 'ru'], 'full')),
  // What strangers write and what hosts leave out is the same in each language.
  ...Object.keys(ODD_STATES).map((name) => looking(name, name, ['en'], 'full')),
  ...STRIPPED.map((name) => looking(`${name}-stripped`, name, ['en'], 'stripped')),
  ...Object.entries({ ...ACTIONS, ...MANY_ACTIONS }).map(([name, act]) => ({ name, run: acting(act) })),
].filter(({ name }) => name.includes(only));

/** Looks at a state in these languages, as a host with that fidelity shows it. */
function looking(name, state, languages, fidelity) {
  const run = async ({ view, start }) => (
    look(view, name, await states[state](start), { ...options, languages, fidelity })
  );
  return { name, run, files: languages.map((lang) => `${name}.${lang}.txt`) };
}

/** Does something with a card. */
function acting(act) {
  return async (means) => {
    await act(means);
    return [];
  };
}

/** The files of states that there no longer are. */
function stale() {
  const known = new Set(jobs.flatMap(({ files = [] }) => files));
  return readdirSync(TEXTS).filter((it) => !known.has(it));
}

const waiting = [...jobs];
let passed = 0;
let failed = 0;

/** Does the jobs that are left, one after the other, on a page of its own. */
async function workOff(stage) {
  let view = await stage.view();
  for (let job = waiting.shift(); job; job = waiting.shift()) {
    const start = starter();
    let faults;
    try {
      faults = await job.run({ stage, view, start });
    } catch (error) {
      faults = [error.stack];
    }
    faults.push(...view.faults.splice(0));
    await start.end();
    if (faults.length === 0) {
      passed += 1;
      console.log(`ok: ${job.name}`);
    } else {
      failed += 1;
      console.error(`failed: ${job.name}\n  ${[...new Set(faults)].join('\n  ')}`);
      await view.close();
      view = await stage.view();
    }
  }
}

const began = Date.now();
const stage = await Stage.open(work, chromium);
try {
  if (flags.includes('--pictures')) {
    const start = starter();
    await takePictures(stage, start);
    await start.end();
  } else {
    if (!only) rmSync(options.screenshots, { recursive: true, force: true });
    mkdirSync(options.screenshots, { recursive: true });
    await Promise.all(Array.from({ length: PAGES }, () => workOff(stage)));
    for (const file of only ? [] : stale()) {
      if (options.isUpdate) rmSync(join(TEXTS, file));
      else failed += 1;
      console.error(`${options.isUpdate ? 'removed' : 'failed'}: ${file} is of no state`);
    }
    const seconds = Math.round((Date.now() - began) / 1000);
    console.log(`card: ${passed} passed, ${failed} failed, in ${seconds} s; pictures are in ${options.screenshots}`);
  }
} finally {
  await stage.close();
}
process.exit(failed > 0 || (passed === 0 && !flags.includes('--pictures')) ? 1 : 0);

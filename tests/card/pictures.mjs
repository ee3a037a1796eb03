// The two pictures of the card in README.md, small enough to be looked at on the way.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ONE } from './program.mjs';
import { CHANGE, STATES } from './states.mjs';

const FOLDER = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));
const MOST_BYTES = 120_000;

const PICTURES = {
  'card-plan': {
    theme: 'dark',
    async step(start) {
      const fields = { ...CHANGE.fields, opportunity: 12000, comments: 'The contract in both languages, with the price list.' };
      return (await start.sandbox()).step(ONE, { ...CHANGE, fields, dryRun: true });
    },
  },
  'card-partial': { theme: 'light', step: STATES.partial },
};

/** Writes the pictures. */
export async function takePictures(stage, start) {
  const view = await stage.view({ deviceScaleFactor: 2 });
  for (const [name, { theme, step }] of Object.entries(PICTURES)) {
    const path = join(FOLDER, `${name}.png`);
    await view.show(await step(start), { theme, width: 600 });
    await view.picture(path);
    const { size } = statSync(path);
    if (size > MOST_BYTES) throw new Error(`${name}.png has ${size} bytes, more than ${MOST_BYTES}`);
    console.log(`written: docs/pictures/${name}.png, ${size} bytes`);
  }
  await view.close();
}

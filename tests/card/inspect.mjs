// How a card looks, measured in its page: what overlaps, what is cut, what cannot be read, where the focus is.

/** Runs within the card: every fault of its layout and its colours, in words. */
export function inspect(theme) {
  const faults = [];
  // The host's background in each theme, as host.mjs has it.
  const background = { light: '#ffffff', dark: '#1b1b1f' }[theme];
  const edge = document.documentElement.clientWidth;
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const colours = new Map();
  const colour = (text) => {
    if (!colours.has(text)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
      colours.set(text, [red, green, blue, alpha / 255]);
    }
    return colours.get(text);
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((it, at) => it * a + under[at] * (1 - a));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((it) => it / 255).map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ancestors = (node) => {
    const found = [];
    for (let it = node; it; it = it.parentElement) found.push(it);
    return found;
  };
  const excerpt = (text) => `"${text.trim().replace(/\s+/g, ' ').slice(0, 40)}"`;
  const isShown = (node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true });

  /** The part of a box that is not cut off, and whether something that cannot be scrolled cuts it. */
  function visiblePart({ left, top, right, bottom }, node) {
    const part = { left, top, right, bottom, isCut: false };
    for (const it of ancestors(node)) {
      const style = getComputedStyle(it);
      if (it === document.documentElement || it === document.body || style.overflowX === 'visible') continue;
      const clip = it.getBoundingClientRect();
      const isSide = part.left < clip.left - 1 || part.right > clip.right + 1;
      const isTop = part.top < clip.top - 2 || part.bottom > clip.bottom + 2;
      const scrolls = /auto|scroll/.test(style.overflowX + style.overflowY);
      if (isSide && !scrolls && style.textOverflow !== 'ellipsis') part.isCut = true;
      if (isTop && !scrolls && part.top < clip.bottom - 2 && part.bottom > clip.top + 2) part.isCut = true;
      part.left = Math.max(part.left, clip.left);
      part.right = Math.min(part.right, clip.right);
      part.top = Math.max(part.top, clip.top);
      part.bottom = Math.min(part.bottom, clip.bottom);
    }
    return part.right - part.left > 1 && part.bottom - part.top > 1 ? part : undefined;
  }

  function contrast(node, text, style) {
    let under = colour(background);
    let opacity = 1;
    for (const it of ancestors(node).reverse()) {
      const its = getComputedStyle(it);
      opacity *= Number(its.opacity);
      under = over(colour(its.backgroundColor), under);
    }
    const [r, g, b, a] = colour(style.color);
    const [one, two] = [luminance(over([r, g, b, a * opacity], under)), luminance(under)];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)} of ${excerpt(text)}`);
  }

  const ink = luminance(colour(getComputedStyle(document.querySelector('h2') ?? document.body).color).slice(0, 3));
  if (ink > 0.4 !== (theme === 'dark')) faults.push(`the theme is not ${theme}`);
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const parent = node.parentElement;
    if (!node.data.trim() || /^(script|style)$/i.test(parent.tagName) || !isShown(parent)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const parts = [...range.getClientRects()].map((it) => visiblePart(it, parent)).filter(Boolean);
    if (!parts.length) continue;
    if (parts.some((it) => it.isCut)) faults.push(`cut: ${excerpt(node.data)}`);
    boxes.push(...parts.map((part) => ({ node, part, words: excerpt(node.data) })));
    if (!parent.closest(':disabled')) contrast(parent, node.data, getComputedStyle(parent));
  }
  for (const node of document.querySelectorAll('button, a, input, select, textarea, summary')) {
    const part = isShown(node) && visiblePart(node.getBoundingClientRect(), node);
    const words = node.textContent || node.ariaLabel || node.tagName;
    if (part) boxes.push({ node, part, words: excerpt(words) });
    if (part && node.placeholder) contrast(node, node.placeholder, getComputedStyle(node, '::placeholder'));
  }
  boxes.sort((one, two) => one.part.top - two.part.top);
  boxes.forEach((one, at) => {
    for (const two of boxes.slice(at + 1)) {
      if (two.part.top >= one.part.bottom - 2) break;
      const across = Math.min(one.part.right, two.part.right) - Math.max(one.part.left, two.part.left);
      if (across > 1 && !one.node.contains(two.node) && !two.node.contains(one.node)) {
        faults.push(`overlap: ${one.words} and ${two.words}`);
      }
    }
  });
  for (const node of document.querySelectorAll('h1, h2, h3, p:not([role=status]), li, td, th, button, a, summary')) {
    const isEmpty = !node.textContent.trim() && !node.ariaLabel && !node.querySelector('img, svg, input, progress');
    if (isEmpty && isShown(node)) faults.push(`empty: <${node.localName}>`);
  }
  for (const node of document.body.querySelectorAll('*')) {
    const part = isShown(node) && visiblePart(node.getBoundingClientRect(), node);
    if (part && (part.right > edge + 1 || part.left < -1)) {
      faults.push(`beyond the edge: <${node.localName}> ${excerpt(node.textContent)}`);
    }
  }
  if (document.documentElement.scrollWidth > edge) faults.push('it is wider than its window');
  for (const it of document.getAnimations()) {
    if (it.playState === 'running') faults.push(`moves: ${it.animationName ?? it.transitionProperty}`);
  }
  return [...new Set(faults)];
}

/** Walks through the card by Tab: what cannot be reached, and where the focus is not to be seen. */
export async function walk(view) {
  const { card, page } = view;
  // Where the walk begins; each element has a number from there on.
  const names = await card.evaluate(() => {
    const all = 'button, a[href], input, select, textarea, summary, [tabindex="0"]';
    // A list is one step of the walk, however many rows it has.
    const isStep = (it) => it.checkVisibility() && !it.disabled && (it.tabIndex >= 0 || !it.closest('[role=list]'));
    window.reachable = [...document.querySelectorAll(all)].filter(isStep);
    window.resting = window.reachable.map((it) => [getComputedStyle(it).boxShadow, getComputedStyle(it).borderColor]);
    document.activeElement.blur();
    window.focus();
    return window.reachable.map((it) => it.ariaLabel || it.textContent || it.localName);
  });
  const reached = new Set();
  const faults = [];
  // Tab leaves the card after its last element.
  for (let steps = 0; steps <= names.length; steps += 1) {
    await page.keyboard.press('Tab');
    const at = await card.evaluate(() => {
      const index = window.reachable.indexOf(document.activeElement);
      if (index < 0) return undefined;
      const style = getComputedStyle(document.activeElement);
      const [shadow, border] = window.resting[index];
      const isOutlined = style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 1;
      return { index, isSeen: isOutlined || style.boxShadow !== shadow || style.borderColor !== border };
    });
    if (!at) continue;
    reached.add(at.index);
    if (!at.isSeen) faults.push(`the focus is not to be seen on ${names[at.index]}`);
  }
  names.forEach((name, at) => reached.has(at) || faults.push(`Tab does not reach ${name}`));
  await card.evaluate(() => document.activeElement.blur());
  return faults;
}

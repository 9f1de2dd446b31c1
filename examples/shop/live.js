/**
 * Updates the elements with `data-live` from the server every second. It replaces only what changed, so that focus and
 * selection are kept. If the children of an element have ids, each child is compared. Without this script, reload the
 * page.
 */
const { source } = document.currentScript.dataset;
const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;

document.documentElement.classList.add('is-live');
setTimeout(refresh, 1000);

async function refresh() {
  try {
    if (!document.hidden) await update();
  } catch {
    // The shop may be restarting.
  }
  setTimeout(refresh, 1000);
}

async function update() {
  const response = await fetch(source);
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
  if (document.title !== fresh.title) document.title = fresh.title;
  for (const part of document.querySelectorAll('[data-live]')) {
    const next = fresh.getElementById(part.id);
    if (next === null) continue;
    if (next.firstElementChild?.id) updateChildren(part, next);
    else replace(part, next);
  }
}

function updateChildren(part, next) {
  const ids = new Set([...next.children].map(({ id }) => id));
  for (const child of [...part.children]) if (!ids.has(child.id)) child.remove();
  let after = null;
  for (const child of [...next.children].reverse()) {
    const old = document.getElementById(child.id);
    after = old === null ? show(part.insertBefore(child, after)) : replace(old, child);
  }
}

function replace(old, next) {
  if (old.isEqualNode(next)) return old;
  old.replaceWith(next);
  return show(next);
}

/** Highlights a change, and announces it to screen readers. */
function show(element) {
  const { news } = element.dataset;
  if (news !== undefined) document.getElementById('news').textContent = news;
  if (!isCalm) element.animate([{ backgroundColor: 'var(--flash)' }, {}], 2000);
  return element;
}

/**
 * Keeps a page up to date: the server says that something changed, the page is fetched again, and what is marked
 * `data-live` is replaced. What was unfolded stays so, and the focus stays where it was.
 */
export const liveScript = `
const source = new EventSource('/events');
let wanted = false, busy = false;
async function refresh() {
  wanted = true;
  if (busy) return;
  busy = true;
  while (wanted) {
    wanted = false;
    try {
      const answer = await fetch(location.href);
      if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  busy = false;
}
function replace(next) {
  for (const part of document.querySelectorAll('[data-live]')) {
    const fresh = next.getElementById(part.id);
    if (fresh === null || fresh.innerHTML === part.dataset.shown) continue;
    const shown = fresh.innerHTML;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : '';
    for (const { id } of part.querySelectorAll('details[open][id]')) fresh.querySelector('#' + id)?.setAttribute('open', '');
    part.replaceChildren(...fresh.childNodes);
    part.dataset.shown = shown;
    if (focused !== '') document.getElementById(focused)?.focus({ preventScroll: true });
  }
}
for (const part of document.querySelectorAll('[data-live]')) part.dataset.shown = part.innerHTML;
source.addEventListener('message', refresh);
`;

/**
 * Keeps a page up to date: after each event of the server it fetches the page again and replaces the elements with
 * `data-live`. Open details and the focus are kept.
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

// Keeps a part of a page fresh: what the server renders for it is taken every few
// seconds while the page is looked at, and put in place only where it differs.

const EVERY_MS = 4_000;

async function refresh(part) {
  if (document.hidden || part.contains(document.activeElement)) return;
  let response;
  try {
    response = await fetch(part.dataset.refresh, { credentials: "same-origin" });
  } catch {
    return; // Offline; the next look may find the network again.
  }
  if (!response.ok) return;
  const text = await response.text();
  if (part.dataset.shown === text) return;
  part.dataset.shown = text;
  const fresh = new DOMParser().parseFromString(text, "text/html").body;
  part.replaceChildren(...fresh.childNodes);
}

for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(() => refresh(part), EVERY_MS);
}

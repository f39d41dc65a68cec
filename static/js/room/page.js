// Small things that the parts of the room and of the phone share: finding an element,
// changing an icon, telling those who listen rather than look.

export const $ = (id) => document.getElementById(id);

/** Puts another symbol of the sprite into the icon inside `element`. */
export function setIcon(element, name) {
  const use = element.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${name}`));
}

/** Says `words` to screen readers, after what was said before. */
export function say(words) {
  const live = $("announce");
  const line = document.createElement("p");
  line.textContent = words;
  live.append(line);
  while (live.children.length > 4) live.firstElementChild.remove();
}

/** The one line above everything else; empty words take it away. */
export function notice(words, kind = "") {
  $("notice").hidden = !words;
  $("notice").className = `note room-note ${kind && `note-${kind}`}`;
  $("notice-words").textContent = words;
}

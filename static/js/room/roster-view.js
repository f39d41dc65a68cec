// Shows the roster as a list of tiles, changing only what has changed: a room
// with hundreds of people gets a NOTIFY for each one who comes.

import { setIcon } from "./page.js";
import { loudness, loudnessOf } from "./speaking.js";
import { gettext } from "../words.js";

const FACES = 6;

export function initials(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const first = words[0]?.[0] ?? "?";
  const last = words.length > 1 ? words.at(-1)[0] : "";
  return (first + last).toUpperCase();
}

export function faceOf(entity) {
  let sum = 0;
  for (const letter of entity) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
  return `face-${sum % FACES}`;
}

function stateWords({ calling, ringing, held }) {
  if (ringing) return gettext("ringing…");
  if (calling) return gettext("being called…");
  return held ? gettext("on hold") : "";
}

/** How loud somebody is heard, from a little above 0 to 1; 0 where he does not speak. */
function voiceOf(person, heard, named) {
  const sources = person.sources.filter((source) => heard.has(source));
  if (sources.length) return Math.max(0.1, ...sources.map((source) => loudnessOf(heard.get(source))));
  if (named || !person.speaking) return 0;
  return Number.isNaN(person.level) ? 0.5 : Math.max(0.1, loudness(person.level));
}

const ROLES = {
  organizer: () => gettext("Organizer"),
  moderator: () => gettext("Moderator"),
  listener: () => gettext("Listener"),
};

export class RosterView {
  /** `pattern` is the tile's <template>; `act(kind, person)` hears the buttons. */
  constructor(list, pattern, { own, commands, act }) {
    this.list = list;
    this.pattern = pattern;
    this.own = own;
    this.commands = commands;
    this.act = act;
    this.tiles = new Map();
    this.named = false;
  }

  /** Our entry has another address than was thought: its tile is made anew. */
  iAm(entity) {
    this.own = entity;
    this.tiles.get(entity)?.item.remove();
    this.tiles.delete(entity);
  }

  show(people) {
    const here = new Set();
    for (const person of people) {
      here.add(person.entity);
      this._fill(this.tiles.get(person.entity) ?? this._add(person), person);
    }
    for (const [entity, tile] of this.tiles) {
      if (here.has(entity)) continue;
      this._leave(tile);
      this.tiles.delete(entity);
    }
  }

  /** A keyboard user whose button goes with its tile is set down on the list. */
  _leave({ item }) {
    const held = item.contains(document.activeElement);
    item.remove();
    if (held) this.list.focus();
  }

  _add(person) {
    const item = this.pattern.content.firstElementChild.cloneNode(true);
    const part = (name) => item.querySelector(`[data-part="${name}"]`);
    const tile = { item, part, person };
    item.dataset.entity = person.entity;
    part("face").classList.add(faceOf(person.entity));
    const own = person.entity === this.own;
    item.classList.toggle("tile-own", own);
    if (!this.commands || own) part("do").remove();
    else {
      part("remove").addEventListener("click", () => this.act("remove", tile.person));
      part("mute").addEventListener("click", () => this.act("mute", tile.person));
      part("lower").addEventListener("click", () => this.act("lower", tile.person));
    }
    if (own) this.list.prepend(item);
    else this.list.append(item);
    this.tiles.set(person.entity, tile);
    return tile;
  }

  _fill(tile, person) {
    tile.person = person;
    const { item, part } = tile;
    const own = person.entity === this.own;
    part("face").textContent = initials(person.name);
    part("name").textContent = person.name;
    part("you").hidden = !own;
    part("role").textContent = person.roles.map((role) => ROLES[role]?.()).find(Boolean) ?? "";
    item.dataset.muted = person.muted;
    item.dataset.calling = person.calling;
    part("muted").hidden = !person.muted;
    part("hand").hidden = !person.hand;
    part("state").textContent = stateWords(person);
    if (this.commands && !own) {
      const { name } = person;
      const remove = person.calling ? gettext("Stop calling %(name)s", { name }) : gettext("Remove %(name)s", { name });
      part("remove").setAttribute("aria-label", remove);
      part("lower").hidden = !person.hand;
      part("lower").setAttribute("aria-label", gettext("Lower the hand of %(name)s", { name }));
      part("mute").hidden = person.calling;
      const mute = person.muted ? gettext("Unmute %(name)s", { name }) : gettext("Mute %(name)s", { name });
      part("mute").setAttribute("aria-label", mute);
      part("mute").dataset.on = String(person.muted);
      part("remove").hidden = person.roles.includes("organizer");
    }
  }

  /** Shows how well each is heard and hears; `marks` is from address to grade, words, icon. */
  mark(marks) {
    for (const [entity, { part }] of this.tiles) {
      const mark = marks.get(entity);
      part("mark").hidden = !mark;
      if (!mark || part("mark-words").textContent === mark.words) continue;
      part("mark").dataset.grade = mark.grade;
      part("mark").title = mark.details;
      part("mark-words").textContent = mark.words;
      setIcon(part("mark"), mark.icon);
    }
  }

  /** Marks those who speak, and how loud: `heard` maps sources to levels; `own` is our microphone's level or 0. */
  speak(heard, own) {
    // Packets that name their talkers say it sooner than the roster does.
    this.named ||= heard.size > 0;
    for (const [entity, { item, person }] of this.tiles) {
      const level = entity === this.own ? own : voiceOf(person, heard, this.named);
      const speaking = String(level > 0);
      if (item.dataset.speaking !== speaking) item.dataset.speaking = speaking;
      const shown = String(Math.round(level * 10) / 10);
      if (item.style.getPropertyValue("--voice") !== shown) item.style.setProperty("--voice", shown);
    }
  }
}

// The waiting room, from both sides: `Queue` shows a moderator who waits, with the
// buttons that let in or do not; `Waiting` is what one sees who waits himself.

import { Moderation } from "./moderation.js";
import { $, notice, say } from "./page.js";
import { faceOf, initials } from "./roster-view.js";
import { gettext, locale, ngettext } from "../words.js";

/** Two short tones: somebody knocks. */
const KNOCK = { tones: [659, 523], length: 0.18, gain: 0.1 };

const clock = (moment) =>
  moment.toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });

export class Queue {
  constructor(api, csrf) {
    this.api = new Moderation(api, csrf);
    this.known = new Map();
    this.away = null;
  }

  start() {
    $("let-all-in").addEventListener("click", () => this._try(() => this.api.letIn(null)));
    $("away-form").addEventListener("submit", (event) => {
      event.preventDefault();
      $("away-dialog").close();
      const wish = { reason: $("away-reason").value.trim(), ban: $("away-ban").checked };
      this._try(() => this.api.turnAway(this.away, wish));
    });
  }

  /** Who waits now, in order: `[{id, entity, name, since}]`. */
  show(people) {
    const now = new Map(people.map((one) => [one.id, one]));
    for (const [id, item] of this.known) {
      if (now.has(id)) continue;
      const held = item.contains(document.activeElement);
      item.remove();
      this.known.delete(id);
      if (held) $("queue-list").focus();
    }
    const fresh = people.filter((one) => !this.known.has(one.id));
    for (const one of fresh) this._add(one);
    $("queue").hidden = people.length === 0;
    $("queue-count").textContent = String(people.length);
    $("let-all-in").hidden = people.length < 2;
    if (fresh.length) this._knock(fresh);
    this._title(people.length);
  }

  /** The call is over: nobody is let in from this page. */
  stop() {
    this.show([]);
  }

  _add(one) {
    const item = $("queue-line").content.firstElementChild.cloneNode(true);
    const part = (name) => item.querySelector(`[data-part="${name}"]`);
    part("face").classList.add(faceOf(one.entity));
    part("face").textContent = initials(one.name);
    part("name").textContent = one.name;
    if (one.since) {
      part("since").textContent = gettext("waits since %(time)s", { time: clock(one.since) });
    }
    part("whom").textContent = one.name;
    part("let-in").addEventListener("click", () => this._try(() => this.api.letIn(one.id)));
    part("away").setAttribute("aria-label", gettext("Do not let %(name)s in", { name: one.name }));
    part("away").addEventListener("click", () => this._ask(one));
    $("queue-list").append(item);
    this.known.set(one.id, item);
  }

  _ask(one) {
    this.away = one.id;
    $("away-title").textContent = gettext("Not let %(name)s in?", { name: one.name });
    $("away-reason").value = "";
    $("away-ban").checked = false;
    $("away-guest").hidden = !/^sip:guest-/.test(one.entity);
    $("away-dialog").showModal();
  }

  _knock(fresh) {
    const words =
      fresh.length === 1
        ? gettext("%(name)s waits to be let in", { name: fresh[0].name })
        : ngettext("%(count)s person waits to be let in", "%(count)s people wait to be let in", fresh.length);
    say(words);
    this.context ??= new AudioContext();
    const start = this.context.currentTime;
    for (const [index, frequency] of KNOCK.tones.entries()) {
      const tone = new OscillatorNode(this.context, { frequency });
      const gain = new GainNode(this.context, { gain: 0 });
      const from = start + index * KNOCK.length;
      gain.gain.setValueAtTime(0, from);
      gain.gain.linearRampToValueAtTime(KNOCK.gain, from + 0.02);
      gain.gain.linearRampToValueAtTime(0, from + KNOCK.length);
      tone.connect(gain).connect(this.context.destination);
      tone.start(from);
      tone.stop(from + KNOCK.length);
    }
  }

  /** Seen in the tab, too, by whoever looks at another one. */
  _title(count) {
    const plain = document.title.replace(/^\(\d+\) /, "");
    document.title = count ? `(${count}) ${plain}` : plain;
  }

  async _try(act) {
    try {
      await act();
    } catch (error) {
      notice(error.message, "bad");
    }
  }
}

/** What the one who waits is told. `room` is the booking's policy. */
export class Waiting {
  constructor(room) {
    this.room = room;
    this.since = null;
  }

  get here() {
    return this.since !== null;
  }

  /** He waits, as the `place`-th (0: not told yet). */
  show(place) {
    if (!this.here) {
      this.since = new Date();
      $("call").dataset.waiting = "true";
      $("waiting").hidden = false;
      $("crowd").hidden = true;
      $("waiting-since").textContent = gettext("Waiting since %(time)s.", { time: clock(this.since) });
      $("waiting-text").textContent =
        this.room === "moderator"
          ? gettext("The conference begins as soon as a moderator is here.")
          : gettext("A moderator will let you in.");
    }
    const told = place > 0 && this.room !== "moderator";
    $("waiting-place").hidden = !told;
    $("waiting-place").textContent = told
      ? gettext("You are number %(place)s in line.", { place })
      : "";
  }

  /** He does no more. */
  hide() {
    if (!this.here) return;
    this.since = null;
    $("crowd").hidden = false;
    delete $("call").dataset.waiting;
    $("waiting").hidden = true;
  }
}

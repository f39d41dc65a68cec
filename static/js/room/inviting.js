// Having somebody called in, and how that goes, in words. A line for each call
// stands above the roster: what the job says (portal's REST API) and what the
// roster says of a phone that rings. Good ends go by themselves; the others stay
// until they are read.

import { addressOf } from "../phone/address.js";
import { Moderation } from "./moderation.js";
import { $, notice, setIcon } from "./page.js";
import { bare, callOutcome } from "./words.js";
import { gettext } from "../words.js";

const LOOK_EVERY_MS = 700;
const GOOD_STAYS_MS = 5_000;

export class Inviting {
  constructor({ api, jobs, csrf, conference, link }, people) {
    this.conference = conference;
    this.link = link;
    this.api = new Moderation(api, csrf);
    this.jobs = new Moderation(jobs, csrf);
    this.people = people;
    this.running = new Set();
  }

  start() {
    $("add").addEventListener("click", () => {
      this._complain("");
      $("add-uri").value = "";
      $("add-dialog").showModal();
    });
    $("add-link").addEventListener("click", () => this._sendLink());
    $("add-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._submit();
    });
  }

  /** From now on links are sent by `phone`. */
  attach(phone) {
    this.phone = phone;
  }

  stop() {
    for (const call of this.running) clearTimeout(call.timer);
    this.running.clear();
    $("outgoing").replaceChildren();
    $("outgoing").hidden = true;
  }

  /** The roster has changed: a phone that is called may ring by now. */
  seen(people) {
    for (const call of this.running) {
      const person = people.find(({ entity }) => entity === call.uri);
      if (!person || !call.waits) continue;
      // Whoever is in already, by another phone, has not answered this one.
      if (!person.calling && !call.present) this._done(call);
      else if (person.ringing) this._say(call, gettext("%(name)s’s phone is ringing…", { name: this._name(call) }), "ringing");
    }
  }

  async _submit() {
    const uri = $("add-uri").value.trim();
    if (!uri) return this._complain(gettext("Say whom: a user name or a SIP address."));
    $("add-form").querySelector("[type=submit]").disabled = true;
    try {
      await this._call(uri);
      $("add-dialog").close();
    } catch (error) {
      this._complain(error.message);
    } finally {
      $("add-form").querySelector("[type=submit]").disabled = false;
    }
  }

  /** A text with the link to this call (RFC 3428): who gets it comes by himself, or does not. */
  async _sendLink() {
    const said = $("add-uri").value.trim();
    if (!said) return this._complain(gettext("Say whom: a user name or a SIP address."));
    const domain = this.conference.uri.replace(/^sips?:.*@/, "");
    try {
      await this.phone.text(addressOf(said, domain), `${this.conference.title}: ${this.link}`);
      $("add-dialog").close();
      notice(gettext("%(name)s has the link to this call.", { name: said }));
    } catch {
      this._complain(gettext("No phone there takes texts right now."));
    }
  }

  _complain(words) {
    $("add-error").textContent = words;
    $("add-uri").setAttribute("aria-invalid", String(Boolean(words)));
    if (words) $("add-uri").focus();
  }

  async _call(uri) {
    const job = await this.api.call(uri);
    const present = this.people().some(({ entity, calling }) => entity === job.uri && !calling);
    const call = { job: job.job, uri: job.uri, present, waits: true, line: this._line() };
    this.running.add(call);
    this._say(call, gettext("Calling %(name)s…", { name: this._name(call) }), "calling");
    this._offer(call, "drop", gettext("Stop calling %(name)s", { name: this._name(call) }), () => this._callOff(call));
    this.seen(this.people());
    call.timer = setTimeout(() => this._look(call), LOOK_EVERY_MS);
  }

  _line() {
    const line = $("outgoing-line").content.firstElementChild.cloneNode(true);
    $("outgoing").append(line);
    $("outgoing").hidden = false;
    return line;
  }

  _name({ uri }) {
    return this.people().find(({ entity }) => entity === uri)?.name ?? bare(uri);
  }

  _say(call, words, state) {
    const place = call.line.querySelector("[data-part=words]");
    if (place.textContent !== words) place.textContent = words;
    call.line.dataset.state = state;
  }

  async _look(call) {
    if (!this.running.has(call) || !call.waits) return;
    try {
      const job = await this.jobs.job(call.job);
      if (!this.running.has(call) || !call.waits) return;
      if (job.state === "done") return this._done(call);
      if (job.state === "failed" || job.state === "cancelled") return this._failed(call, job);
    } catch {
      // Offline for a moment: the next look tells.
    }
    call.timer = setTimeout(() => this._look(call), LOOK_EVERY_MS);
  }

  _done(call) {
    call.waits = false;
    call.line.querySelector("[data-part=drop]").hidden = true;
    this._say(call, gettext("%(name)s has answered", { name: this._name(call) }), "done");
    setIcon(call.line, "check2-circle");
    call.timer = setTimeout(() => this._drop(call), GOOD_STAYS_MS);
  }

  _failed(call, job) {
    call.waits = false;
    this._say(call, callOutcome(job, this._name(call)), "failed");
    setIcon(call.line.querySelector(".outgoing-mark"), "telephone-x");
    this._offer(call, "again", gettext("Call again: %(name)s", { name: this._name(call) }), () => this._again(call));
    this._offer(call, "drop", gettext("Take away: %(name)s", { name: this._name(call) }), () => this._drop(call));
  }

  /** Shows a button of the line, which does nothing but that from now on. */
  _offer(call, part, words, act) {
    const button = call.line.querySelector(`[data-part=${part}]`);
    button.hidden = false;
    button.setAttribute("aria-label", words);
    button.title = words;
    button.onclick = act;
  }

  async _callOff(call) {
    try {
      await this.jobs.callOff(call.job);
      this._drop(call);
    } catch (error) {
      this._say(call, error.message, call.line.dataset.state);
    }
  }

  async _again(call) {
    try {
      await this._call(call.uri);
      this._drop(call);
    } catch (error) {
      this._say(call, error.message, "failed");
    }
  }

  _drop(call) {
    const held = call.line.contains(document.activeElement);
    call.line.remove();
    this.running.delete(call);
    $("outgoing").hidden = $("outgoing").childElementCount === 0;
    if (held) $("add").focus();
  }
}

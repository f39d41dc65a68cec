// What moderators do, and who may call others in, through the same REST API as
// everybody else's scripts.

import { gettext } from "../words.js";

export class Moderation {
  constructor(base, csrf) {
    this.base = base;
    this.csrf = csrf;
  }

  /** `body` is a value for JSON, or a FormData. */
  async _ask(method, path, body) {
    const json = body && !(body instanceof FormData);
    let response;
    try {
      response = await fetch(this.base + path, {
        method,
        credentials: "same-origin",
        headers: {
          Accept: "application/json",
          "X-CSRFToken": this.csrf,
          ...(json ? { "Content-Type": "application/json" } : {}),
        },
        body: json ? JSON.stringify(body) : body,
      });
    } catch {
      throw new Error(gettext("Parley cannot be reached right now."));
    }
    if (!response.ok) throw new Error(await problem(response));
    return response.status === 204 ? null : response.json().catch(() => null);
  }

  /** The participant's id by the address in the roster. */
  async idOf(entity) {
    const answer = await this._ask("GET", "/participants");
    const list = Array.isArray(answer) ? answer : answer.participants;
    const found = list.find((participant) => participant.entity === entity);
    if (!found) throw new Error(gettext("That person is no longer here."));
    return found.id;
  }

  /** Who is in, as the REST API says it. */
  async participants() {
    return (await this._ask("GET", "/participants")).participants;
  }

  /** Our own phones that are not in this call. */
  async otherPhones() {
    return (await this._ask("GET", "/phones")).phones;
  }

  moveTo(phone) {
    return this._ask("POST", "/move", { phone });
  }

  /** The address under which the roster shows who asks: an anonymous one has an alias. */
  async ownEntity() {
    const { participants } = await this._ask("GET", "/participants");
    return participants.find((participant) => participant.you)?.entity;
  }

  /** With an `endpoint` that phone of somebody's alone. */
  async remove(entity, { reason, ban, endpoint }) {
    const id = await this.idOf(entity);
    await this._ask("DELETE", `/participants/${encodeURIComponent(id)}`, { reason, ban, endpoint });
  }

  async setMuted(entity, muted) {
    const participant = await this.idOf(entity);
    await this._ask("POST", muted ? "/mute" : "/unmute", { participant });
  }

  async askToSpeak(entity) {
    await this._ask("POST", "/ask-to-speak", { participant: await this.idOf(entity) });
  }

  async raiseHand(entity, raised) {
    await this._ask("POST", "/hand", { participant: await this.idOf(entity), raised });
  }

  /** `what` is "start", "pause" or "stop". */
  record(what) {
    return this._ask("POST", what === "start" ? "/recordings" : `/recordings/${what}`, {});
  }

  async agreeToRecording(entity) {
    await this._ask("POST", "/recordings/agree", { participant: await this.idOf(entity) });
  }

  /** Lets one in who waits, or (null) all of them. */
  letIn(waiter) {
    return this._ask("POST", "/waiting/let-in", waiter === null ? {} : { waiter });
  }

  /** `room` is "none", "moderator" or "let-in"; without one all who wait come in. */
  setWaitingRoom(room) {
    return this._ask("POST", "/waiting-room", { waiting_room: room });
  }

  async turnAway(waiter, { reason, ban }) {
    await this._ask("DELETE", `/waiting/${encodeURIComponent(waiter)}`, { reason, ban });
  }

  /** Mutes everybody who does not command, but for those of these addresses. */
  async muteAll(spared = [], { newcomers = false, mayUnmute = false } = {}) {
    const spare = spared.length ? await this._idsOf(spared) : [];
    await this._ask("POST", "/mute", { spare, newcomers, may_unmute: mayUnmute });
  }

  /** `how` they come in from now on: "heard", "muted" or "silenced". */
  setNewcomers(how) {
    return this._ask("POST", "/newcomers", { newcomers: how });
  }

  async _idsOf(entities) {
    const { participants } = await this._ask("GET", "/participants");
    return participants.filter(({ entity }) => entities.includes(entity)).map(({ id }) => id);
  }

  lowerHands() {
    return this._ask("POST", "/hand", { raised: false });
  }

  sounds() {
    return this._ask("GET", "/sounds");
  }

  addSound(file) {
    const form = new FormData();
    form.append("file", file);
    return this._ask("POST", "/sounds", form);
  }

  deleteSound(id) {
    return this._ask("DELETE", `/sounds/${encodeURIComponent(id)}`);
  }

  playSound(id) {
    return this._ask("POST", `/sounds/${encodeURIComponent(id)}/play`, {});
  }

  stopSound() {
    return this._ask("POST", "/sounds/stop", {});
  }

  setLocked(locked) {
    return this._ask("POST", locked ? "/lock" : "/unlock", {});
  }

  /** Has somebody called in; answers with the job that says how it goes. */
  call(uri) {
    return this._ask("POST", "/participants", { uri });
  }

  /** A job, where the base of this object is that of jobs. */
  job(id) {
    return this._ask("GET", encodeURIComponent(id));
  }

  /** Calls a job off, where the base of this object is that of jobs. */
  callOff(id) {
    return this._ask("DELETE", encodeURIComponent(id));
  }

  /** Calls off all calls to somebody. */
  stopCalling(uri) {
    return this._ask("POST", "/calls/cancel", { uri });
  }

  end() {
    return this._ask("POST", "/end", {});
  }
}

/** The words of a problem document (RFC 9457), or of the status alone. */
async function problem(response) {
  const text = await response.text();
  try {
    const { detail, title, errors } = JSON.parse(text);
    const fields = (errors ?? []).map((error) => error.detail).join(" ");
    return fields || (typeof detail === "string" && detail) || title || gettext("Parley answered %(status)s.", { status: response.status });
  } catch {
    return gettext("Parley answered %(status)s.", { status: response.status });
  }
}

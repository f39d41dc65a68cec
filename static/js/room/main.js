// The room page: from the microphone check to the last word.
//
// One object, `Room`, owns the state; the modules beside it own the phone, the
// roster, the microphone and the words. The phone registers while the person is
// still choosing a microphone, so that joining is one INVITE.

import { departure, farewell, microphone as microphoneWords, refusal } from "./words.js";
import { Microphone, remember } from "./microphone.js";
import { Moderation } from "./moderation.js";
import { Phone } from "./phone.js";
import { Quality } from "./quality.js";
import { RosterView } from "./roster-view.js";
import { talkers } from "./speaking.js";
import { Watcher } from "./watcher.js";

const SPEAKING_EVERY_MS = 150;
const QUALITY_EVERY_MS = 2_000;
/** Own level above which we show ourselves as speaking. */
const OWN_LEVEL = 0.35;
/** How long our own unmuting may take to show in the roster. */
const UNMUTE_MS = 3_000;
/** How long a renewed roster may lack us before the call counts as forgotten. */
const FORGOTTEN_MS = 4_000;

const config = JSON.parse(document.getElementById("room-config").textContent);
const $ = (id) => document.getElementById(id);

const STATES = {
  idle: "Ready to join",
  connecting: "Connecting…",
  joined: "You are in",
  left: "You have left",
  removed: "You were removed",
  failed: "Not joined",
};

function say(words) {
  const live = $("announce");
  const line = document.createElement("p");
  line.textContent = words;
  live.append(line);
  while (live.children.length > 4) live.firstElementChild.remove();
}

class Room {
  constructor() {
    this.state = "idle";
    this.muted = false;
    this.silenced = false;
    this.unmutedAt = 0;
    this.commands = config.commands;
    this.known = null;
    this.phone = new Phone(config.phone, config.conference, $("remote-audio"));
    this.watcher = new Watcher(this.phone.ua, config.conference.uri);
    this.microphone = new Microphone((level) => this._level(level));
    this.moderation = new Moderation(config.api, config.csrf);
    this.quality = new Quality();
    this.view = new RosterView($("roster"), $("tile"), {
      own: config.phone.uri,
      commands: this.commands,
      act: (kind, person) => this._act(kind, person),
    });
  }

  start() {
    this._buttons();
    this._phone();
    this.watcher.addEventListener("roster", () => this._roster());
    this.phone.start();
    this._microphone();
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this._devices());
    addEventListener("pagehide", () => this.phone.hangUp());
  }

  // --- what is shown ---------------------------------------------------------

  _show(state, words = STATES[state]) {
    this.state = state;
    for (const mark of document.querySelectorAll("[data-testid=call-state]")) {
      mark.dataset.state = state;
      mark.textContent = words;
    }
    const inRoom = state === "joined";
    const before = state === "idle" || state === "connecting";
    $("prejoin").hidden = !before;
    $("call").hidden = !inRoom;
    $("after").hidden = inRoom || before;
    document.body.classList.toggle("in-call", inRoom);
    $("join").disabled = state === "connecting";
    $("join-words").textContent = state === "connecting" ? "Connecting…" : "Join now";
  }

  _message(words, kind = "") {
    $("notice").hidden = !words;
    $("notice").className = `note room-note ${kind && `note-${kind}`}`;
    $("notice-words").textContent = words;
  }

  _level(level) {
    for (const meter of document.querySelectorAll("[data-meter]")) {
      meter.style.setProperty("--level", level.toFixed(2));
    }
    if (level > OWN_LEVEL) $("heard").textContent = "We can hear you.";
  }

  // --- microphone and speakers -----------------------------------------------

  async _microphone(deviceId) {
    $("mic-problem").hidden = true;
    $("mic-meter").hidden = false;
    try {
      const track = await this.microphone.open(deviceId);
      track.enabled = !this.muted;
      track.addEventListener("ended", () => this._lostMicrophone(track));
      if (this.phone.inCall) await this.phone.useMicrophone(track);
    } catch (error) {
      this._noMicrophone(error);
    }
    await this._devices();
  }

  _noMicrophone(error) {
    const { title, text } = microphoneWords(error.name);
    $("mic-meter").hidden = true;
    $("mic-problem").hidden = false;
    $("mic-problem-title").textContent = title;
    $("mic-problem-text").textContent = text;
    this.microphone.listenOnly();
    $("join-how").textContent = "You will hear the others; they will not hear you.";
    if (this.phone.inCall) this.phone.useMicrophone(this.microphone.track);
  }

  _lostMicrophone(track) {
    if (track !== this.microphone.track) return;
    say("The microphone was unplugged.");
    this._microphone("");
  }

  async _devices() {
    const { inputs, outputs } = await this.microphone.devices();
    const current = this.microphone.track?.getSettings?.().deviceId;
    for (const select of document.querySelectorAll("[data-devices=input]")) {
      fillSelect(select, inputs, current);
      select.closest("[data-device-field]").hidden = inputs.length === 0;
    }
    const canChoose = "setSinkId" in HTMLMediaElement.prototype && outputs.length > 0;
    for (const select of document.querySelectorAll("[data-devices=output]")) {
      fillSelect(select, outputs, this.microphone.choice.output ?? "default");
      select.closest("[data-device-field]").hidden = !canChoose;
    }
  }

  async _useInput(id) {
    remember({ input: id });
    await this._microphone(id);
    if (!this.microphone.silent) $("join-how").textContent = "";
  }

  async _useOutput(id) {
    remember({ output: id });
    this.microphone.choice.output = id;
    try {
      await this.phone.useSpeaker(id);
    } catch {
      say("That speaker cannot be used.");
    }
    for (const select of document.querySelectorAll("[data-devices=output]")) select.value = id;
  }

  // --- the call -----------------------------------------------------------------

  _phone() {
    const on = (name, act) => this.phone.addEventListener(name, ({ detail }) => act(detail));
    on("ready", () => this._ready());
    on("unready", ({ status }) => this._unready(status));
    on("offline", () => this._offline());
    on("online", () => this._online());
    on("progress", () => this._show("connecting", "Connecting…"));
    on("joined", () => this._joined());
    on("left", (detail) => this._left(detail));
    on("refused", (detail) => this._refused(detail));
    on("broken", () => this._rejoin("The audio connection broke. Joining again…"));
    on("silenced", () => this._message("Your browser waits for a click before it plays sound. Click anywhere.", "warn"));
  }

  _ready() {
    document.body.dataset.phone = "ready";
    if (this.state === "idle") this._message("");
    if (this.phone.inCall) this.watcher.renew();
  }

  _unready(status) {
    document.body.dataset.phone = "unready";
    if (this.state !== "idle") return;
    const { title, text } = refusal({ status });
    this._message(`${title}. ${text}`, "bad");
  }

  _offline() {
    if (this.phone.leaving) return;
    document.body.dataset.phone = "offline";
    const words = this.phone.inCall
      ? "Reconnecting… You can go on talking: the sound takes another way."
      : "No connection to Parley. Trying again…";
    this._message(words, "warn");
    if (this.phone.inCall) $("link").hidden = false;
  }

  _online() {
    $("link").hidden = true;
    this._message("");
    if (this.phone.inCall) {
      say("Connected again");
      this.expected = Date.now() + FORGOTTEN_MS;
      setTimeout(() => this._checkForgotten(), FORGOTTEN_MS + 500);
    }
  }

  /** After the line was cut: is the focus still in this call with us? */
  _checkForgotten() {
    if (!this.phone.inCall || this.watcher.roster.version === null) return;
    const here = this.watcher.roster.people().some((person) => person.entity === config.phone.uri);
    if (!here) this._rejoin("The call was lost. Joining again…");
  }

  async join() {
    this._message("");
    this._show("connecting");
    if (!this.microphone.track) this.microphone.listenOnly();
    try {
      await this.phone.call(this.microphone.stream);
    } catch {
      this._refused({ status: 0, cause: "Connection Error" });
    }
  }

  async _rejoin(words) {
    const now = Date.now();
    if (this.rejoined && now - this.rejoined < 20_000) {
      this.phone.drop();
      this._refused({ status: 0, cause: "Connection Error" });
      return;
    }
    this.rejoined = now;
    this._message(words, "warn");
    say(words);
    this.phone.drop();
    await this.join();
  }

  _joined() {
    this.since ??= Date.now();
    this._message("");
    this._show("joined");
    say("You are in the conference");
    if (this.muted) this.phone.setMuted(true);
    this.phone.useSpeaker(this.microphone.choice.output ?? "").catch(() => {});
    this.known = null;
    this.watcher.start();
    clearInterval(this.beat);
    clearInterval(this.look);
    this.beat = setInterval(() => this._speaking(), SPEAKING_EVERY_MS);
    this.look = setInterval(() => this._quality(), QUALITY_EVERY_MS);
    $("mute").focus({ preventScroll: true });
  }

  _over() {
    clearInterval(this.beat);
    clearInterval(this.look);
    this.watcher.stop();
    this.since = null;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }

  async _left(detail) {
    this._over();
    // The BYE may say why at once; Parley's records know for sure.
    this._after(farewell(detail, null));
    if (detail.by === "self") return;
    const standing = await this._standing();
    if (standing && this.state !== "joined") this._after(farewell(detail, standing));
  }

  async _standing() {
    try {
      const response = await fetch(config.standing, { credentials: "same-origin" });
      return response.ok ? await response.json() : null;
    } catch {
      return null; // Offline: the words of the BYE have to do.
    }
  }

  _refused(detail) {
    this._over();
    this._after({ state: "failed", again: ![404, 410, 403].includes(detail.status), ...refusal(detail) });
    if (detail.retryAfter && detail.retryAfter < 86_400) {
      setTimeout(() => this.state === "failed" && this.join(), detail.retryAfter * 1000 + 500);
    }
  }

  _after({ state, title, text, reason, again }) {
    this._show(state);
    $("after-title").textContent = title;
    $("after-text").textContent = text ?? "";
    $("after-reason").hidden = !reason;
    $("after-reason").textContent = reason ? `“${reason}”` : "";
    $("again").hidden = !again;
    $("after").dataset.kind = state;
    document.title = `${title} · ${config.conference.title}`;
    $("after-title").focus();
  }

  // --- in the call --------------------------------------------------------------

  _roster() {
    const roster = this.watcher.roster;
    const people = roster.people();
    const now = new Map(people.map((person) => [person.entity, person]));
    this._tellChanges(now);
    this.known = now;
    this.view.show(people);
    const count = people.filter((person) => !person.calling).length;
    $("count").textContent = count === 1 ? "1 person" : `${count} people`;
    $("alone").hidden = count > 1;
    $("locked").hidden = !roster.locked;
    if (this.commands) this._lockButton(roster.locked);
    const me = now.get(config.phone.uri);
    if (me) this._mutedFromOutside(me.muted);
  }

  _tellChanges(now) {
    if (!this.known) return;
    for (const [entity, person] of now) {
      if (!this.known.has(entity) && !person.calling && entity !== config.phone.uri) say(`${person.name} has joined`);
    }
    for (const [entity, before] of this.known) {
      if (now.has(entity) || entity === config.phone.uri) continue;
      say(departure({ ...before, farewell: this.watcher.roster.farewell(entity) }));
    }
  }

  /** The roster shows us silent though we did not ask: a moderator did. */
  _mutedFromOutside(muted) {
    const asked = Date.now() - this.unmutedAt < UNMUTE_MS;
    const silenced = muted && !this.muted && !asked;
    if (silenced === this.silenced) return;
    this.silenced = silenced;
    $("silenced").hidden = !silenced;
    say(silenced ? "A moderator has muted you" : "You can be heard again");
    this._muteButton();
  }

  setMuted(muted) {
    if (this.silenced && !this.commands) {
      this._message("Only a moderator can let you be heard again.", "warn");
      return;
    }
    this.muted = muted;
    if (!muted) this._justUnmuted();
    if (this.microphone.track) this.microphone.track.enabled = !muted;
    this.phone.setMuted(muted);
    this._muteButton();
    say(muted ? "You are muted" : "You can be heard");
    this._tellMuted(muted);
  }

  /** Until the roster has caught up, "muted" in it is still our own. */
  _justUnmuted() {
    this.silenced = false;
    $("silenced").hidden = true;
    this.unmutedAt = Date.now();
    setTimeout(() => this._roster(), UNMUTE_MS + 100);
  }

  /** So that the others' rosters show it; the microphone is off in any case. */
  async _tellMuted(muted) {
    try {
      await this.moderation.setMuted(config.phone.uri, muted);
    } catch (error) {
      if (muted) return; // The microphone is off whatever the roster says.
      this.unmutedAt = 0;
      this._message(error.message, "warn");
      this._roster();
    }
  }

  _muteButton() {
    const off = this.muted || this.silenced;
    $("mute").setAttribute("aria-pressed", String(off));
    $("mute").dataset.off = String(off);
    $("mute-words").textContent = off ? "Unmute" : "Mute";
    const use = $("mute").querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, off ? "#mic-mute-fill" : "#mic-fill"));
  }

  _speaking() {
    const own = !this.muted && this.microphone.level > OWN_LEVEL;
    this.view.speak(talkers(this.phone.connection), own);
    if (!this.since) return;
    const seconds = Math.floor((Date.now() - this.since) / 1000);
    const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
    const hours = Math.floor(seconds / 3600);
    $("clock").textContent = (hours ? `${hours}:` : "") + parts.join(":");
  }

  async _quality() {
    if (!this.phone.connection) return;
    const { grade, words } = await this.quality.measure(this.phone.connection);
    if ($("quality").dataset.grade === grade) return;
    $("quality").dataset.grade = grade;
    $("quality-words").textContent = words;
    const icon = { good: "reception-4", fair: "reception-2", poor: "reception-1", silent: "wifi-off" }[grade];
    const use = $("quality").querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${icon ?? "reception-2"}`));
  }

  // --- what moderators do ---------------------------------------------------------

  _act(kind, person) {
    if (kind === "mute") this._try(() => this.moderation.setMuted(person.entity, !person.muted));
    else this._askRemoval(person);
  }

  _askRemoval(person) {
    const dialog = $("remove-dialog");
    $("remove-name").textContent = person.name;
    $("remove-reason").value = "";
    $("remove-ban").checked = false;
    this.removing = person.entity;
    dialog.showModal();
  }

  async _try(act) {
    try {
      await act();
      return true;
    } catch (error) {
      this._message(error.message, "bad");
      return false;
    }
  }

  _lockButton(locked) {
    $("lock").setAttribute("aria-pressed", String(locked));
    $("lock-words").textContent = locked ? "Unlock" : "Lock";
    const use = $("lock").querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, locked ? "#unlock-fill" : "#lock-fill"));
  }

  _moderatorButtons() {
    $("lock").addEventListener("click", () => this._try(() => this.moderation.setLocked(!this.watcher.roster.locked)));
    $("mute-all").addEventListener("click", () => this._try(() => this.moderation.muteAll()));
    $("end").addEventListener("click", () => $("end-dialog").showModal());
    $("end-confirm").addEventListener("click", () => {
      $("end-dialog").close();
      this._try(() => this.moderation.end());
    });
    $("remove-form").addEventListener("submit", (event) => {
      event.preventDefault();
      $("remove-dialog").close();
      const wish = { reason: $("remove-reason").value.trim(), ban: $("remove-ban").checked };
      this._try(() => this.moderation.remove(this.removing, wish));
    });
  }

  _buttons() {
    $("join").addEventListener("click", () => this.join());
    $("again").addEventListener("click", () => this.join());
    $("leave").addEventListener("click", () => this.phone.hangUp());
    $("mute").addEventListener("click", () => this.setMuted(!(this.muted || this.silenced)));
    $("mic-again").addEventListener("click", () => this._microphone());
    $("keys").addEventListener("click", () => $("keypad").showModal());
    $("devices").addEventListener("click", () => $("devices-dialog").showModal());
    document.addEventListener("pointerdown", () => this._unlockSound());
    for (const select of document.querySelectorAll("[data-devices=input]")) {
      select.addEventListener("change", () => this._useInput(select.value));
    }
    for (const select of document.querySelectorAll("[data-devices=output]")) {
      select.addEventListener("change", () => this._useOutput(select.value));
    }
    for (const key of document.querySelectorAll("[data-key]")) {
      key.addEventListener("click", () => this._key(key.dataset.key));
    }
    $("keypad").addEventListener("keydown", (event) => {
      if (/^[0-9*#]$/.test(event.key)) this._key(event.key);
    });
    if (this.commands) this._moderatorButtons();
  }

  _key(digit) {
    try {
      this.phone.key(digit);
      $("keyed").textContent = ($("keyed").textContent + digit).slice(-16);
    } catch {
      this._message("This call takes no keypad tones.", "warn");
    }
  }

  _unlockSound() {
    const audio = $("remote-audio");
    if (audio.srcObject && audio.paused) audio.play().then(() => this._message(""), () => {});
  }

  /** For tests and the curious; nothing in it can be changed from outside. */
  debug() {
    const room = this;
    return Object.freeze({
      get state() {
        return room.state;
      },
      get session() {
        return room.phone.session;
      },
      get roster() {
        return room.watcher.roster.people();
      },
      async stats() {
        const connection = room.phone.connection;
        return connection ? [...(await connection.getStats()).values()] : [];
      },
    });
  }
}

function fillSelect(select, devices, current) {
  select.replaceChildren(
    ...devices.map(({ id, label }) => new Option(label, id, id === current, id === current)),
  );
}

const room = new Room();
Object.defineProperty(window, "parley", { value: room.debug(), writable: false });
room.start();

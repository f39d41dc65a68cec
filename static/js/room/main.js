// The room page: from the sound check to the last word.
//
// `Room` owns the state; the modules beside it own the phone, the roster, the
// microphone, the way in and the words. The phone registers while the person is
// still choosing a microphone, so that joining is one INVITE; a guest's can do so
// only once he has said his name.

import { Entry, Mend, Shut } from "./entry.js";
import { Hosting } from "./hosting.js";
import { Moderation } from "./moderation.js";
import { $, notice, say, setIcon } from "./page.js";
import { Phone } from "./phone.js";
import { Quality } from "./quality.js";
import { RosterView } from "./roster-view.js";
import { Sound } from "./sound.js";
import { talkers } from "./speaking.js";
import { Voice } from "./voice.js";
import { Watcher } from "./watcher.js";
import { departure, farewell, refusal, restarting } from "./words.js";

const SPEAKING_EVERY_MS = 150;
const QUALITY_EVERY_MS = 2_000;
/** How long a renewed roster may lack us before the call counts as forgotten. */
const FORGOTTEN_MS = 4_000;
/** A call that broke is made again, but not over and over. */
const REJOIN_AGAIN_MS = 20_000;

const STATES = {
  idle: "Ready to join",
  connecting: "Connecting…",
  joined: "You are in",
  left: "You have left",
  removed: "You were removed",
  failed: "Not joined",
};

/** A server that is being restarted gets a moment to go, and a while to come back. */
const RESTART_MS = 2_000;
const RESTART_PATIENCE_MS = 60_000;

const QUALITY_ICONS = { good: "reception-4", fair: "reception-2", poor: "reception-1", silent: "wifi-off" };

class Room {
  constructor(config) {
    this.config = config;
    this.state = "idle";
    this.known = null;
    this.phone = null;
    this.watcher = null;
    this.quality = new Quality();
    this.sound = new Sound();
    this.entry = new Entry(config.enter, config.csrf);
    const api = new Moderation(config.api, config.csrf);
    this.voice = new Voice({
      sound: this.sound,
      commands: config.commands,
      tell: (muted) => api.setMuted(this.account.uri, muted),
      look: () => this._roster(),
    });
    this.hosting = config.commands
      ? new Hosting(config.api, config.csrf, () => this.watcher.roster.locked)
      : null;
  }

  start() {
    this._buttons();
    this.voice.start();
    this.hosting?.start();
    if (this.config.phone) this._connect(this.config.phone);
    this.sound.start();
    addEventListener("pagehide", () => this.phone?.hangUp());
    // A page that comes back out of the browser's cache has lost its line.
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  }

  /** Starts the phone with `account`, in place of one under another name. */
  _connect(account) {
    this.watcher?.stop();
    this.phone?.stop();
    this.account = account;
    this.phone = new Phone(account, this.config.conference, $("remote-audio"));
    this.sound.phone = this.phone;
    this.watcher = new Watcher(this.phone.ua, this.config.conference.uri);
    this.watcher.addEventListener("roster", () => this._roster());
    $("roster").replaceChildren();
    this.view = new RosterView($("roster"), $("tile"), {
      own: account.uri,
      commands: this.config.commands,
      act: (kind, person) => this.hosting.act(kind, person),
    });
    this._listen(this.phone);
    this.phone.start();
  }

  _listen(phone) {
    const on = (name, act) =>
      phone.addEventListener(name, ({ detail }) => {
        if (phone === this.phone) act(detail);
      });
    on("ready", () => this._ready());
    on("unready", ({ status }) => this._unready(status));
    on("offline", () => this._offline());
    on("online", () => this._online());
    on("progress", () => this._show("connecting"));
    on("joined", () => this._joined());
    on("left", (detail) => this._left(detail));
    on("refused", (detail) => this._refused(detail));
    on("broken", () => this._rejoin("The audio connection broke. Joining again…"));
    on("silenced", () =>
      notice("Your browser waits for a click before it plays sound. Click anywhere.", "warn"),
    );
  }

  // --- what is shown ----------------------------------------------------------

  _show(state) {
    this.state = state;
    for (const mark of document.querySelectorAll("[data-testid=call-state]")) {
      mark.dataset.state = state;
      mark.textContent = STATES[state];
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

  _after({ state, title, text, reason, again }) {
    this._show(state);
    $("after-title").textContent = title;
    $("after-text").textContent = text ?? "";
    $("after-reason").hidden = !reason;
    $("after-reason").textContent = reason ? `“${reason}”` : "";
    $("again").hidden = !again;
    document.title = `${title} · ${this.config.conference.title}`;
    $("after-title").focus();
  }

  // --- the line ------------------------------------------------------------------

  _ready() {
    document.body.dataset.phone = "ready";
    if (this.state === "idle") notice("");
    if (this.phone.inCall) this.watcher.renew();
  }

  _unready(status) {
    document.body.dataset.phone = "unready";
    if (this.state !== "idle") return;
    const { title, text } = refusal({ status });
    notice(`${title}. ${text}`, "bad");
  }

  _offline() {
    if (this.phone.leaving) return;
    document.body.dataset.phone = "offline";
    const words = this.phone.inCall
      ? "Reconnecting… You can go on talking: the sound takes another way."
      : "No connection to Parley. Trying again…";
    notice(words, "warn");
  }

  _online() {
    notice("");
    if (!this.phone.inCall) return;
    say("Connected again");
    setTimeout(() => this._checkForgotten(), FORGOTTEN_MS);
  }

  /** After the line was cut: is the focus still in this call with us? */
  _checkForgotten() {
    if (!this.phone.inCall || this.watcher.roster.version === null) return;
    const here = this.watcher.roster.people().some((person) => person.entity === this.account.uri);
    if (!here) this._rejoin("The call was lost. Joining again…");
  }

  // --- joining, leaving -------------------------------------------------------------

  async join(patience) {
    notice("");
    this._show("connecting");
    try {
      const account = await this.entry.pass();
      if (account) this._connect(account);
      await this.phone.call(this.sound.stream, patience);
    } catch (error) {
      this._notJoined(error);
    }
  }

  _notJoined(error) {
    if (error instanceof Mend) this._show("idle");
    else if (error instanceof Shut) this._after({ state: "failed", again: true, ...error, title: error.title });
    else this._refused({ status: 0, cause: "Connection Error" });
  }

  async _rejoin(words) {
    this.phone.drop();
    if (this.rejoined && Date.now() - this.rejoined < REJOIN_AGAIN_MS) {
      this._refused({ status: 0, cause: "Connection Error" });
      return;
    }
    this.rejoined = Date.now();
    say(words);
    await this.join();
    notice(words, "warn");
  }

  _joined() {
    this.since ??= Date.now();
    notice("");
    this._show("joined");
    say("You are in the conference");
    this.voice.joined(this.phone);
    this.sound.applySpeaker(this.phone);
    this.known = null;
    this.watcher.start();
    clearInterval(this.beat);
    clearInterval(this.look);
    this.beat = setInterval(() => this._beat(), SPEAKING_EVERY_MS);
    this.look = setInterval(() => this._quality(), QUALITY_EVERY_MS);
    $("mute").focus({ preventScroll: true });
  }

  _over() {
    clearInterval(this.beat);
    clearInterval(this.look);
    this.watcher?.stop();
    this.since = null;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }

  async _left(detail) {
    this._over();
    if (detail.by !== "self" && restarting(detail.reason)) {
      this._show("connecting");
      notice("Parley is being restarted. Joining again…", "warn");
      setTimeout(() => this.join(RESTART_PATIENCE_MS), RESTART_MS);
      return;
    }
    // The BYE says why at once; Parley's records say it in full.
    const nameOf = this._names();
    this._after(farewell(detail, null, nameOf));
    if (detail.by === "self") return;
    const standing = await this._standing();
    if (standing && !["joined", "connecting"].includes(this.state)) {
      this._after(farewell(detail, standing, nameOf));
    }
  }

  async _standing() {
    try {
      const response = await fetch(this.config.standing, { credentials: "same-origin" });
      return response.ok ? await response.json() : null;
    } catch {
      return null; // Offline: the words of the BYE have to do.
    }
  }

  _refused(detail) {
    this._over();
    this._after({ state: "failed", ...refusal(detail) });
    if (detail.retryAfter && detail.retryAfter < 86_400) {
      const again = () => this.state === "failed" && this.join();
      setTimeout(again, detail.retryAfter * 1000 + 500);
    }
  }

  // --- in the call ---------------------------------------------------------------------

  _roster() {
    const roster = this.watcher.roster;
    if (roster.version === null) return;
    const people = roster.people();
    const now = new Map(people.map((person) => [person.entity, person]));
    this._tellChanges(now);
    this.known = now;
    this.view.show(people);
    const count = people.filter((person) => !person.calling).length;
    $("count").textContent = count === 1 ? "1 person" : `${count} people`;
    $("alone").hidden = count > 1;
    $("locked").hidden = !roster.locked;
    this.hosting?.showLocked(roster.locked);
    const me = now.get(this.account.uri);
    if (me) this.voice.shown(me.muted);
  }

  _tellChanges(now) {
    if (!this.known) return;
    for (const [entity, person] of now) {
      if (!this.known.has(entity) && entity !== this.account.uri && !person.calling) {
        say(`${person.name} has joined`);
      }
    }
    for (const [entity, before] of this.known) {
      if (now.has(entity) || entity === this.account.uri) continue;
      say(departure({ ...before, farewell: this.watcher.roster.farewell(entity) }, this._names()));
    }
  }

  /** From an address to the name in the roster that was shown last. */
  _names() {
    const known = this.known ?? new Map();
    return (entity) => known.get(entity)?.name;
  }

  _beat() {
    const own = this.sound.speaking && !this.voice.silenced;
    this.view.speak(talkers(this.phone.connection), own);
    const seconds = Math.floor((Date.now() - this.since) / 1000);
    const two = (part) => String(part).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    $("clock").textContent = hours ? `${hours}:${rest}` : rest;
  }

  async _quality() {
    if (!this.phone.connection) return;
    const { grade, words } = await this.quality.measure(this.phone.connection);
    if ($("quality").dataset.grade === grade) return;
    $("quality").dataset.grade = grade;
    $("quality-words").textContent = words;
    setIcon($("quality"), QUALITY_ICONS[grade] ?? "reception-2");
  }

  // --- buttons ----------------------------------------------------------------------------

  _buttons() {
    $("join-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.join();
    });
    $("again").addEventListener("click", () => this.join());
    $("leave").addEventListener("click", () => this.phone.hangUp());
    $("keys").addEventListener("click", () => $("keypad").showModal());
    $("devices").addEventListener("click", () => $("devices-dialog").showModal());
    document.addEventListener("pointerdown", () => this._unlockSound());
    for (const key of document.querySelectorAll("[data-key]")) {
      key.addEventListener("click", () => this._key(key.dataset.key));
    }
    $("keypad").addEventListener("keydown", (event) => {
      if (/^[0-9*#]$/.test(event.key)) this._key(event.key);
    });
  }

  _key(digit) {
    try {
      this.phone.key(digit);
      $("keyed").textContent = ($("keyed").textContent + digit).slice(-16);
    } catch {
      notice("This call takes no keypad tones.", "warn");
    }
  }

  async _unlockSound() {
    const audio = $("remote-audio");
    if (!audio.srcObject || !audio.paused) return;
    try {
      await audio.play();
      notice("");
    } catch {
      // The browser wants another kind of gesture; the notice still says so.
    }
  }
}

/** For tests and the curious; nothing in it can be changed from outside. */
function debugView(room) {
  return Object.freeze({
    get state() {
      return room.state;
    },
    get session() {
      return room.phone?.session ?? null;
    },
    get roster() {
      return room.watcher?.roster.people() ?? [];
    },
    async stats() {
      const connection = room.phone?.connection;
      return connection ? [...(await connection.getStats()).values()] : [];
    },
  });
}

const room = new Room(JSON.parse($("room-config").textContent));
Object.defineProperty(window, "parley", { value: debugView(room), writable: false });
room.start();

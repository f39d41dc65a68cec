// The room page: from the sound check to the last word.
//
// `Room` owns the way in and the way out; `InCall` shows the call itself, the
// modules beside it own the phone, the roster, the microphone and the words. The
// phone registers while the person is still choosing a microphone, so that
// joining is one INVITE; a guest's can do so only once he has said his name.

import { Entry, Mend, Shut } from "./entry.js";
import { InCall, debugView, unlockSound } from "./in-call.js";
import { $, notice, say } from "./page.js";
import { Phone } from "./phone.js";
import { Ringing } from "./ringing.js";
import { Sound } from "./sound.js";
import { PARTED, againWords, farewell, mayKnock, refusal, restarting } from "./words.js";
import { gettext } from "../words.js";

/** A call that broke is made again, but not over and over. */
const REJOIN_AGAIN_MS = 20_000;

const STATES = {
  idle: () => gettext("Ready to join"),
  connecting: () => gettext("Connecting…"),
  joined: () => gettext("You are in"),
  waiting: () => gettext("Waiting to be let in"),
  left: () => gettext("You have left"),
  removed: () => gettext("You were removed"),
  failed: () => gettext("Not joined"),
};

/** A server that is being restarted gets a moment to go, and a while to come back. */
const RESTART_MS = 2_000;
const RESTART_PATIENCE_MS = 300_000;

class Room {
  constructor(config) {
    this.config = config;
    this.state = "idle";
    this.phone = null;
    this.wasIn = false;
    this.sound = new Sound();
    this.entry = new Entry(config.enter, config.csrf);
    this.inCall = new InCall({ config, sound: this.sound, waits: (isSo) => this._waits(isSo) });
    this.ringing = new Ringing({
      accept: () => this._accept(),
      decline: () => this.phone.decline(),
    });
  }

  start() {
    this._buttons();
    this.inCall.start();
    this.ringing.start();
    if (this.config.phone) this._connect(this.config.phone);
    this.sound.start();
    // Pressed before anybody listens, it would load the page again.
    $("join").disabled = false;
    addEventListener("pagehide", () => this.phone?.hangUp());
    // A page that comes back out of the browser's cache has lost its line.
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  }

  /** Starts the phone with `account`, in place of one under another name. */
  _connect(account) {
    this.phone?.stop();
    this.account = account;
    this.phone = new Phone(account, $("remote-audio"));
    this.inCall.attach(this.phone, account);
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
    on("parted", ({ other }) => {
      this.parted = true;
      this.inCall.parted(other);
    });
    on("left", (detail) => this._left(detail));
    on("refused", (detail) => this._refused(detail));
    on("broken", () => this._rejoin(gettext("The audio connection broke. Joining again…")));
    on("faint", () => this._faint());
    on("rings", (detail) => this._rings(detail));
    on("unrings", () => this.ringing.hide());
    on("silenced", () =>
      notice(gettext("Your browser waits for a click before it plays sound. Click anywhere."), "warn"),
    );
  }

  get _anonymous() {
    return $("anonymous")?.checked ?? false;
  }

  // --- what is shown ----------------------------------------------------------

  _show(state) {
    this.state = state;
    for (const mark of document.querySelectorAll("[data-testid=call-state]")) {
      mark.dataset.state = state;
      mark.textContent = STATES[state]();
    }
    const inRoom = state === "joined" || state === "waiting";
    const before = state === "idle" || state === "connecting";
    $("prejoin").hidden = !before;
    $("call").hidden = !inRoom;
    $("after").hidden = inRoom || before;
    document.body.classList.toggle("in-call", inRoom);
    $("join").disabled = state === "connecting";
    $("join-words").textContent = state === "connecting" ? gettext("Connecting…") : gettext("Join now");
  }

  _after({ state, title, text, reason, again }) {
    this._show(state);
    $("after-title").textContent = title;
    $("after-text").textContent = text ?? "";
    $("after-reason").hidden = !reason;
    $("after-reason").textContent = reason ? `“${reason}”` : "";
    $("again").hidden = !again;
    $("again-words").textContent = againWords(this.wasIn);
    document.title = `${title} · ${this.config.conference.title}`;
    $("after-title").focus();
  }

  // --- the line ------------------------------------------------------------------

  _ready() {
    document.body.dataset.phone = "ready";
    if (this.state === "idle") notice("");
    if (!this.phone.inCall) return;
    this.inCall.renew();
    this.inCall.ifForgotten(() => this._rejoin(gettext("The call was lost. Joining again…")));
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
      ? gettext("Reconnecting… As long as you hear the others, go on talking: the sound takes another way.")
      : gettext("No connection to Parley. Trying again…");
    notice(words, "warn");
  }

  /** Neither line nor sound: the server is gone, or we are. */
  _faint() {
    if (document.body.dataset.phone !== "offline") return;
    notice(gettext("The connection is lost. You join again by yourself as soon as Parley is there."), "warn");
  }

  _online() {
    document.body.dataset.phone = "connecting";
    notice("");
    if (!this.phone.inCall) return;
    say(gettext("Connected again"));
  }

  // --- called in --------------------------------------------------------------------

  /** This page is one conference's room: it rings for that one, calls of others ring elsewhere. */
  _rings({ focus, caller, by }) {
    const { uri, title } = this.config.conference;
    if ((focus?.uri ?? caller) !== uri) this.phone.decline(480);
    else this.ringing.show({ title, by, conference: true });
  }

  _accept() {
    notice("");
    this._show("connecting");
    this.phone.accept(this.sound.stream);
  }

  // --- joining, leaving -------------------------------------------------------------

  async join(patience) {
    notice("");
    this._show("connecting");
    try {
      const account = await this.entry.pass();
      if (account) this._connect(account);
      const how = { patience, anonymous: this._anonymous };
      await this.phone.call(this.config.conference.uri, this.sound.stream, how);
    } catch (error) {
      this._notJoined(error);
    }
  }

  _notJoined(error) {
    if (error instanceof Mend) this._show("idle");
    else if (error instanceof Shut) this._after({ state: "failed", again: mayKnock(error.refusal), ...error, title: error.title });
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
    const joined = this.join(RESTART_PATIENCE_MS);
    notice(words, "warn");
    await joined;
  }

  _joined() {
    notice("");
    this.parted = false;
    this._show("joined");
    if (!this.config.waits) this._in();
    this.inCall.joined({ anonymous: this._anonymous });
  }

  /** The call is up, and somebody has to let us in; or has done so. */
  _waits(isSo) {
    this._show(isSo ? "waiting" : "joined");
    if (isSo) say(gettext("Please wait until you are let in"));
    else this._in();
  }

  _in() {
    this.wasIn = true;
    say(gettext("You are in the conference"));
  }

  async _left(detail) {
    this.inCall.over();
    if (this.parted) {
      this._after(PARTED.over());
      return;
    }
    if (detail.by !== "self" && restarting(detail.reason)) {
      this._show("connecting");
      notice(gettext("Parley is being restarted. Joining again…"), "warn");
      setTimeout(() => this.join(RESTART_PATIENCE_MS), RESTART_MS);
      return;
    }
    // The BYE says why at once; Parley's records say it in full.
    const nameOf = this.inCall.names();
    this._after(farewell(detail, null, nameOf, this.config.ends));
    if (detail.by === "self") return;
    const standing = await this._standing();
    if (standing && !["joined", "waiting", "connecting"].includes(this.state)) {
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
    this.inCall.over();
    this._after({ state: "failed", ...refusal(detail) });
    if (detail.retryAfter && detail.retryAfter < 86_400) {
      const again = () => this.state === "failed" && this.join();
      setTimeout(again, detail.retryAfter * 1000 + 500);
    }
  }

  // --- buttons ----------------------------------------------------------------------------

  _buttons() {
    $("join-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.join();
    });
    $("again").addEventListener("click", () => this.join());
    unlockSound();
  }
}

const room = new Room(JSON.parse($("room-config").textContent));
const view = debugView({
  state: () => room.state,
  phone: () => room.phone,
  inCall: () => room.inCall,
});
Object.defineProperty(window, "parley", { value: view, writable: false });
room.start();

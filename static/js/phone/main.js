// The phone page: a phone of one's own in the browser, for as long as it is open.
//
// It is called by conferences and people, and calls them: by URI, the factory, which
// makes one (RFC 4579 5.4), the conference application, which asks on a page what
// is to be made (5.3). As soon as the other end says that it is a focus, the call
// is shown as in the conference's room, by the same modules.

import { InCall, PLAIN, debugView, unlockSound } from "../room/in-call.js";
import { $, notice, say } from "../room/page.js";
import { worded } from "../room/chat.js";
import { Phone } from "../room/phone.js";
import { Ringing } from "../room/ringing.js";
import { Sound } from "../room/sound.js";
import { PARTED, bare, farewell, missed, refusal, restarting } from "../room/words.js";
import { addressOf } from "./address.js";
import { SetupPage } from "./setup-page.js";
import { gettext } from "../words.js";

const LINES = {
  offline: () => [gettext("Not connected"), "warn"],
  unready: () => [gettext("Not registered"), "bad"],
  ready: () => [gettext("Ready for calls"), "live"],
};

/** How long a call to a conference that was lost waits for the line, and how often it is made. */
const REGAIN_PATIENCE_MS = 300_000;
const REGAIN_AGAIN_MS = 20_000;

class PhonePage {
  constructor(config) {
    this.config = config;
    this.account = config.phone;
    this.phone = new Phone(config.phone, $("remote-audio"));
    this.sound = new Sound();
    this.setup = new SetupPage($("setup"));
    this.ringing = new Ringing({
      accept: () => this._accept(),
      decline: () => this.phone.decline(),
    });
    this.state = "idle";
    this.line = "offline";
    this.inCall = null;
    /** Whom the last or present call is with: `{title, target}`. */
    this.other = null;
  }

  start() {
    this.sound.listen();
    this.ringing.start();
    this._buttons();
    this._listen();
    this.phone.start();
    unlockSound();
    // Pressed before anybody listens, they would do nothing, or load the page again.
    for (const button of $("idle").querySelectorAll("button")) button.disabled = false;
    addEventListener("pagehide", () => this.phone.hangUp());
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  }

  _buttons() {
    $("dial-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._submit();
    });
    for (const button of document.querySelectorAll("[data-dial]")) {
      const { dial, called } = button.dataset;
      button.addEventListener("click", () => this.dial(dial, called));
    }
    $("dialing-cancel").addEventListener("click", () => this._cancel());
    $("told-again").addEventListener("click", () => this.dial(this.other.target, this.other.title));
    $("sound-check").addEventListener("click", () => {
      $("sound-check").hidden = true;
      $("sound-parts").hidden = false;
      this.sound.ready();
    });
  }

  _listen() {
    const on = (name, act) => this.phone.addEventListener(name, ({ detail }) => act(detail));
    on("ready", () => this._line("ready"));
    on("unready", ({ status }) => this._unready(status));
    on("offline", () => this._offline());
    on("online", () => this._online());
    on("progress", ({ ringing }) => {
      $("dialing-words").textContent = ringing ? gettext("Ringing…") : gettext("Connecting…");
    });
    on("joined", (detail) => this._joined(detail));
    on("moved", ({ focus }) => this._enter(focus));
    on("parted", ({ other }) => this._parted(other));
    on("left", (detail) => this._left(detail));
    on("refused", (detail) => this._refused(detail));
    on("broken", () => this._regain(gettext("The audio connection broke. Joining again…")));
    on("faint", () => this._faint());
    on("rings", (detail) => this._rings(detail));
    on("text", (detail) => this._texted(detail));
    on("unrings", (detail) => this._unrings(detail));
    on("silenced", () =>
      notice(gettext("Your browser waits for a click before it plays sound. Click anywhere."), "warn"),
    );
  }

  // --- what is shown ----------------------------------------------------------

  _show(state) {
    this.state = state;
    document.body.dataset.call = state;
    $("idle").hidden = state !== "idle";
    $("dialing").hidden = state !== "dialing";
    $("stage").hidden = state !== "in-call";
    document.body.classList.toggle("in-call", state === "in-call");
  }

  _tell({ title, text, reason, again }) {
    $("told").hidden = false;
    $("told-title").textContent = title;
    $("told-text").textContent = text ?? "";
    $("told-reason").hidden = !reason;
    $("told-reason").textContent = reason ? `“${reason}”` : "";
    $("told-again").hidden = !again || !this.other?.target;
    $("told").focus();
  }

  // --- the line ---------------------------------------------------------------

  _line(line) {
    this.line = line;
    const [words, kind] = LINES[line]();
    $("line").dataset.state = line;
    $("line").textContent = words;
    $("line").className = `tag tag-${kind}`;
    if (line !== "ready") return;
    if (this.state === "idle") notice("");
    if (!this.phone.inCall) return;
    this.inCall?.renew();
    this.inCall?.ifForgotten(() => this._regain(gettext("The call was lost. Joining again…")));
  }

  _unready(status) {
    this._line("unready");
    const { title, text } = refusal({ status });
    notice(`${title}. ${text}`, "bad");
  }

  _offline() {
    if (this.phone.leaving && this.state === "idle") return;
    this._line("offline");
    const words = this.phone.inCall
      ? gettext("Reconnecting… As long as you hear the others, go on talking: the sound takes another way.")
      : gettext("No connection to Parley. Trying again…");
    notice(words, "warn");
  }

  /** Neither line nor sound: the server is gone, or we are. */
  _faint() {
    if (this.line !== "offline" || !this.inCall?.config.conference) return;
    notice(gettext("The connection is lost. You join again by yourself as soon as Parley is there."), "warn");
  }

  _online() {
    notice("");
  }

  // --- calling -----------------------------------------------------------------

  _submit() {
    const said = $("dial").value.trim();
    $("dial-error").textContent = said ? "" : gettext("Type whom to call.");
    $("dial").setAttribute("aria-invalid", String(!said));
    if (said) this.dial(said, said);
    else $("dial").focus();
  }

  async dial(said, title, { patience, words = gettext("Connecting…") } = {}) {
    const target = addressOf(said, this.config.domain);
    this.other = { title, target };
    $("told").hidden = true;
    $("dialing-title").textContent = gettext("Calling %(title)s", { title });
    $("dialing-words").textContent = words;
    this._show("dialing");
    $("dialing-cancel").focus();
    this.given = false;
    const wanted = () => !this.given && this.state === "dialing";
    try {
      await this.sound.ready();
      if (wanted()) await this.phone.call(target, this.sound.stream, { patience, wanted });
    } catch (error) {
      this._notCalled(error);
    }
  }

  _notCalled(error) {
    if (error instanceof TypeError) {
      this._end();
      $("dial-error").textContent = gettext("That is no address that can be called.");
      $("dial").setAttribute("aria-invalid", "true");
      $("dial").focus();
    } else this._refused({ status: 0, cause: "Connection Error" });
  }

  _cancel() {
    this.given = true;
    if (this.phone.session) this.phone.hangUp();
    else this._end();
  }

  // --- being called --------------------------------------------------------------

  _rings({ caller, name, by, focus }) {
    if (this.state !== "idle") {
      this.phone.decline(486);
      return;
    }
    const title = name || bare(caller);
    this.other = { title, target: caller };
    $("told").hidden = true;
    $("line").dataset.state = "ringing";
    this.ringing.show({ title, by, conference: Boolean(focus) });
  }

  /** A text to this person; those to a conference are shown in its chat. */
  _texted({ to, name, text }) {
    if (to !== this.account.uri) return;
    if (this.state !== "idle") {
      notice(gettext("%(name)s writes: %(text)s", { name, text }));
      return;
    }
    this.other = null;
    this._tell({ title: gettext("%(name)s writes", { name }) });
    $("told-text").replaceChildren(...worded(text));
  }

  _unrings(detail) {
    this.ringing.hide();
    this._line(this.line);
    this._tell(missed(detail, this.other.title));
  }

  async _accept() {
    this._line(this.line);
    $("dialing-title").textContent = this.other.title;
    $("dialing-words").textContent = gettext("Connecting…");
    this._show("dialing");
    await this.sound.ready();
    if (!this.phone.ringing) return this._end(); // They gave up while the microphone opened.
    this.phone.accept(this.sound.stream);
  }

  // --- in the call ------------------------------------------------------------------

  async _joined({ focus, page, other }) {
    if (focus && (await this._enter(focus))) return;
    if (!this.phone.inCall) return;
    this._stage($("plain-call").content.cloneNode(true), PLAIN);
    const name = page ? gettext("Conference application") : this.other.title;
    $("stage").querySelector("h1").textContent = name;
    this.inCall.showOther({ entity: other.uri, name });
    if (page) this.setup.open(page);
    else this._offerGathering();
  }

  /** Two were left of a conference: it is a call between them, and can become one again. */
  _parted({ uri, name: bareName }) {
    const name = this.inCall?.names()(uri) ?? bareName;
    this.other = { title: name, target: uri };
    this._stage($("plain-call").content.cloneNode(true), PLAIN);
    $("stage").querySelector("h1").textContent = name;
    this.inCall.showOther({ entity: uri, name });
    this._offerGathering();
    notice(PARTED.notice(name));
  }

  /** A call with a person can become a conference, in which there is room for others. */
  _offerGathering() {
    $("gathering").hidden = false;
    $("gather").addEventListener("click", async () => {
      $("gather").disabled = true;
      try {
        await this.phone.gather(`sip:conference-factory@${this.config.domain}`);
        say(gettext("The call is a conference now"));
      } catch {
        notice(gettext("This call cannot become a conference."), "warn");
        const again = $("gather");
        if (again) again.disabled = false;
      }
    });
  }

  /** Shows the call as one in the conference that `focus` is; whether that could be done. */
  async _enter({ name }) {
    let response;
    try {
      const url = this.config.call.replace("NAME", encodeURIComponent(name));
      response = await fetch(url, { credentials: "same-origin" });
    } catch {
      return false; // Offline, while the call stands: it is shown without its roster.
    }
    if (!response.ok || !this.phone.inCall) return false;
    const part = new DOMParser().parseFromString(await response.text(), "text/html");
    const config = JSON.parse(part.getElementById("call-config").textContent);
    if (!this.phone.inCall) return false;
    this.setup.close();
    this.other = { title: config.conference.title, target: config.conference.uri };
    this._stage(document.adoptNode(part.body), config);
    return true;
  }

  /** Puts the elements of a call on the page, in place of what showed it before. */
  _stage(elements, config) {
    const before = this.inCall;
    before?.over();
    $("stage").replaceChildren(...elements.childNodes);
    const mark = (waits) => this._mark(waits ? "waiting" : "joined");
    this.inCall = new InCall({ config, sound: this.sound, muted: before?.voice.muted, waits: mark });
    this.inCall.start();
    this.inCall.attach(this.phone, this.account);
    this._show("in-call");
    $("call").hidden = false;
    this._mark("joined");
    say(config.conference ? gettext("You are in %(title)s", { title: config.conference.title }) : gettext("The call is up"));
    this.inCall.joined();
    this.sound.ready().then(() => this._unheard());
  }

  _mark(state) {
    const mark = $("stage").querySelector("[data-testid=call-state]");
    mark.dataset.state = state;
    mark.textContent = state === "waiting" ? gettext("Waiting to be let in") : gettext("You are in");
  }

  /** Who has no microphone hears the others and is told that they do not hear him. */
  _unheard() {
    const { problem } = this.sound;
    if (problem && this.phone.inCall) notice(gettext("%(problem)s. You hear the others; they do not hear you.", { problem }), "warn");
  }

  // --- and out of it ------------------------------------------------------------------

  _end() {
    this.inCall?.over();
    this.inCall = null;
    this.setup.close();
    this.ringing.hide();
    $("stage").replaceChildren();
    this.sound.setEnabled(true);
    if (this.line === "ready") notice("");
    if ($("sound-parts").hidden) this.sound.close();
    this._show("idle");
  }

  /** A call to a conference was lost, not ended: it is made once more as soon as it can be. */
  _regain(words) {
    const { inCall, other } = this;
    const soon = this.regained && Date.now() - this.regained < REGAIN_AGAIN_MS;
    if (!inCall?.config.conference || soon) {
      this.phone.hangUp();
      return;
    }
    this.regained = Date.now();
    this.phone.drop();
    this._end();
    this.dial(other.target, other.title, { patience: REGAIN_PATIENCE_MS, words });
  }

  async _left(detail) {
    if (detail.by !== "self" && restarting(detail.reason) && this.inCall?.config.conference) {
      this._regain(gettext("Parley is being restarted. Joining again…"));
      return;
    }
    const { inCall } = this;
    const nameOf = inCall?.names() ?? (() => undefined);
    const config = inCall?.config;
    const standing = await this._standing(config, detail);
    this._end();
    this._tell(this._farewell(detail, standing, { nameOf, config }));
  }

  _farewell(detail, standing, { nameOf, config }) {
    if (this.given) return { title: gettext("You gave up the call"), again: true };
    if (!config?.conference) return { title: gettext("The call has ended"), again: true };
    return farewell(detail, standing, nameOf, config.ends);
  }

  /** What Parley's records say of our going, where they say more than the BYE. */
  async _standing(config, { by }) {
    if (by === "self" || !config?.conference) return null;
    try {
      const response = await fetch(config.standing, { credentials: "same-origin" });
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }

  _refused(detail) {
    const told = refusal(detail);
    this._end();
    this._tell(told);
  }
}

const page = new PhonePage(JSON.parse($("phone-config").textContent));
const view = debugView({
  state: () => page.state,
  phone: () => page.phone,
  inCall: () => page.inCall,
});
Object.defineProperty(window, "parley", { value: view, writable: false });
page.start();

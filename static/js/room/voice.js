// Whether the others hear us: our own mute button, and a moderator's.
//
// Our button stops the microphone here and tells Parley, so that the others'
// rosters show it. What a moderator has muted shows in the roster without our
// having asked for it, and only a moderator undoes it.

import { $, notice, say, setIcon } from "./page.js";
import { gettext } from "../words.js";

/** How long our own unmuting may take to show in the roster. */
const UNMUTE_MS = 3_000;

export class Voice {
  /**
   * `tell(muted)` says it to Parley; `look()` has `shown` called again with what
   * the roster says by then.
   */
  constructor({ sound, commands, tell, look, muted = false }) {
    this.sound = sound;
    this.commands = commands;
    this.tell = tell;
    this.look = look;
    this.phone = null;
    this.muted = muted;
    this.silenced = false;
    this.unmutedAt = 0;
  }

  start() {
    $("mute").addEventListener("click", () => this.set(!this.off));
    this._button();
  }

  get off() {
    return this.muted || this.silenced;
  }

  /** A call is up; what was chosen before holds. */
  joined(phone) {
    this.phone = phone;
    if (this.muted) phone.setMuted(true);
  }

  set(muted) {
    if (this.silenced && !this.commands) {
      notice(gettext("Only a moderator can let you be heard again."), "warn");
      return;
    }
    this.muted = muted;
    if (!muted) this._justUnmuted();
    this.sound.setEnabled(!muted);
    this.phone?.setMuted(muted);
    this._button();
    say(muted ? gettext("You are muted") : gettext("You can be heard"));
    this._tell(muted);
  }

  /** What the roster says of us. */
  shown(muted) {
    if (!muted) this.unmutedAt = 0;
    const asked = Date.now() - this.unmutedAt < UNMUTE_MS;
    const silenced = muted && !this.muted && !asked;
    if (silenced === this.silenced) return;
    this.silenced = silenced;
    $("silenced").hidden = !silenced;
    if (!silenced) notice("");
    say(silenced ? gettext("A moderator has muted you") : gettext("You can be heard again"));
    this._button();
  }

  /** Until the roster has caught up, "muted" in it is still our own doing. */
  _justUnmuted() {
    this.silenced = false;
    $("silenced").hidden = true;
    this.unmutedAt = Date.now();
    setTimeout(this.look, UNMUTE_MS + 100);
  }

  async _tell(muted) {
    try {
      await this.tell(muted);
    } catch (error) {
      if (muted) return; // The microphone is off whatever the roster says.
      this.unmutedAt = 0;
      notice(error.message, "warn");
      this.look();
    }
  }

  _button() {
    $("mute").dataset.off = String(this.off);
    $("mute-words").textContent = this.off ? gettext("Unmute") : gettext("Mute");
    setIcon($("mute"), this.off ? "mic-mute-fill" : "mic-fill");
  }
}

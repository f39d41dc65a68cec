// The sound check before the call and the sound settings in it: level meter,
// choice of devices, and words for every microphone that does not work.

import { Microphone, remember } from "./microphone.js";
import { $, say } from "./page.js";
import { microphone as microphoneWords } from "./words.js";
import { gettext } from "../words.js";

/** Own level above which we count as speaking. */
const SPEAKING = 0.35;

function fill(select, devices, current) {
  select.replaceChildren(
    ...devices.map(({ id, label }) => new Option(label, id, id === current, id === current)),
  );
}

export class Sound {
  constructor() {
    this.microphone = new Microphone((level) => this._level(level));
    /** The phone of a call that runs, which has to hear of another device. */
    this.phone = null;
    this.enabled = true;
    /** Why there is no microphone, in words; empty where there is one. */
    this.problem = "";
  }

  /** Listens, and opens the microphone at once. */
  start() {
    this.listen();
    return this.open();
  }

  listen() {
    $("mic-again").addEventListener("click", () => this.open());
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this._devices());
    // In-call settings come and go with the call on some pages.
    document.addEventListener("change", ({ target }) => {
      if (target.dataset?.devices === "input") this._useInput(target.value);
      if (target.dataset?.devices === "output") this._useOutput(target.value);
    });
  }

  /** Opens the microphone where it is not open yet. */
  async ready() {
    if (!this.microphone.track || this.microphone.silent) await this.open();
    await this._devices();
  }

  /** Nobody needs the microphone any more. */
  close() {
    this.microphone.close();
  }

  /** How loud we speak, up to 1; 0 where we do not. */
  get voice() {
    const { level } = this.microphone;
    return this.enabled && level > SPEAKING ? Math.min(1, level) : 0;
  }

  /** The stream to call with: the microphone, or silence for who only listens. */
  get stream() {
    if (!this.microphone.track) this.microphone.listenOnly();
    return this.microphone.stream;
  }

  setEnabled(enabled) {
    this.enabled = enabled;
    if (this.microphone.track) this.microphone.track.enabled = enabled;
  }

  async open(deviceId) {
    $("mic-problem").hidden = true;
    $("mic-meter").hidden = false;
    try {
      const track = await this.microphone.open(deviceId);
      this.problem = "";
      track.enabled = this.enabled;
      track.addEventListener("ended", () => this._lost(track));
      $("join-how").textContent = "";
      if (this.phone?.inCall) await this.phone.useMicrophone(track);
    } catch (error) {
      this._failed(error);
    }
    await this._devices();
  }

  async applySpeaker(phone) {
    try {
      await phone.useSpeaker(this.microphone.choice.output ?? "");
    } catch {
      // The speaker chosen the last time is not plugged in; the default one plays.
    }
  }

  _level(level) {
    for (const meter of document.querySelectorAll("[data-meter]")) {
      meter.style.setProperty("--level", level.toFixed(2));
    }
    if (level > SPEAKING) $("heard").textContent = gettext("We can hear you.");
  }

  _failed(error) {
    const { title, text } = microphoneWords(error.name);
    this.problem = title;
    $("mic-meter").hidden = true;
    $("mic-problem").hidden = false;
    $("mic-problem-title").textContent = title;
    $("mic-problem-text").textContent = text;
    $("join-how").textContent = gettext("You will hear the others; they will not hear you.");
    this.microphone.listenOnly();
    if (this.phone?.inCall) this.phone.useMicrophone(this.microphone.track);
  }

  _lost(track) {
    if (track !== this.microphone.track) return;
    say(gettext("The microphone was unplugged."));
    this.open("");
  }

  async _devices() {
    const { inputs, outputs } = await this.microphone.devices();
    const current = this.microphone.track?.getSettings?.().deviceId;
    for (const select of document.querySelectorAll("[data-devices=input]")) {
      fill(select, inputs, current);
      select.closest("[data-device-field]").hidden = inputs.length === 0;
    }
    const canChoose = "setSinkId" in HTMLMediaElement.prototype && outputs.length > 0;
    for (const select of document.querySelectorAll("[data-devices=output]")) {
      fill(select, outputs, this.microphone.choice.output ?? "default");
      select.closest("[data-device-field]").hidden = !canChoose;
    }
  }

  async _useInput(id) {
    remember({ input: id });
    this.microphone.choice.input = id;
    await this.open(id);
  }

  async _useOutput(id) {
    remember({ output: id });
    this.microphone.choice.output = id;
    for (const select of document.querySelectorAll("[data-devices=output]")) select.value = id;
    try {
      await this.phone?.useSpeaker(id);
    } catch {
      say(gettext("That speaker cannot be used."));
    }
  }
}

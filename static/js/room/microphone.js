// The microphone: asking for it, choosing it, showing its level; and a silent
// stand-in for people who only listen.

import { gettext } from "../words.js";

const CHOICE = "parley-devices";

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(CHOICE)) ?? {};
  } catch {
    return {}; // Storage is off or holds something else: start with the defaults.
  }
}

export function remember(choice) {
  try {
    localStorage.setItem(CHOICE, JSON.stringify({ ...remembered(), ...choice }));
  } catch {
    // Storage is switched off; the choice lasts as long as the page.
  }
}

/** A device that does not say its name. */
const numbered = (kind, number) =>
  kind === "audioinput"
    ? gettext("Microphone %(number)s", { number })
    : gettext("Speaker %(number)s", { number });

export class Microphone {
  constructor(onLevel) {
    this.onLevel = onLevel;
    this.stream = null;
    this.level = 0;
    this.choice = remembered();
    this.silent = false;
  }

  get track() {
    return this.stream?.getAudioTracks()[0] ?? null;
  }

  /** Opens the chosen microphone; throws an Error whose `name` says what is wrong. */
  async open(deviceId = this.choice.input) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw Object.assign(new Error("no secure context"), { name: "InsecureContext" });
    }
    const audio = deviceId ? { deviceId: { exact: deviceId } } : true;
    const stream = await this._ask(audio, deviceId);
    this._take(stream);
    this.silent = false;
    this._meter();
    return this.track;
  }

  async _ask(audio, deviceId) {
    try {
      return await navigator.mediaDevices.getUserMedia({ audio, video: false });
    } catch (error) {
      if (!deviceId || !["OverconstrainedError", "NotFoundError"].includes(error.name)) throw error;
      this.choice.input = "";
      return navigator.mediaDevices.getUserMedia({ audio: true, video: false });
    }
  }

  /** A track that carries silence, for those who only listen. */
  listenOnly() {
    this.context ??= new AudioContext();
    this._take(this.context.createMediaStreamDestination().stream);
    this.silent = true;
    this.level = 0;
    this.onLevel(0);
  }

  _take(stream) {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = stream;
  }

  _meter() {
    this.context ??= new AudioContext();
    this.source?.disconnect();
    this.source = this.context.createMediaStreamSource(this.stream);
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 1024;
    this.source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      if (this.context.state === "suspended") this.context.resume();
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const sample of samples) sum += sample * sample;
      const decibels = 10 * Math.log10(sum / samples.length + 1e-9);
      // −60 dB is a silent room, −10 dB somebody close to the microphone.
      this.level = Math.min(Math.max((decibels + 60) / 50, 0), 1);
      this.onLevel(this.track?.enabled ? this.level : 0);
    }, 60);
  }

  /** Microphones and speakers, as `{inputs, outputs}` of `{id, label}`. */
  async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    const of = (kind) =>
      all
        .filter((device) => device.kind === kind && device.deviceId)
        .map((device, index) => ({
          id: device.deviceId,
          label: device.label || numbered(kind, index + 1),
        }));
    return { inputs: of("audioinput"), outputs: of("audiooutput") };
  }

  close() {
    clearInterval(this.timer);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.onLevel(0);
  }
}

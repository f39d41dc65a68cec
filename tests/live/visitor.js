// Runs in every page before its own scripts. Gives the page a microphone that
// hums one tone, ears that tell how loud a frequency is in what it plays, and
// hold of its WebSockets and its way of the sound, so that a test can lose one.
(() => {
  const tone = Number("__TONE__");
  const microphone = async (constraints) => {
    if (!constraints.audio) throw new DOMException("no camera here", "NotFoundError");
    const context = new AudioContext();
    await context.resume();
    const hum = new OscillatorNode(context, { frequency: tone });
    const quieter = new GainNode(context, { gain: 0.3 });
    const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    hum.connect(quieter).connect(out);
    hum.start();
    return out.stream;
  };
  if (navigator.mediaDevices) {
    Object.defineProperty(navigator.mediaDevices, "getUserMedia", { value: microphone });
  }

  let context = null;
  let analyser = null;
  let source = null;
  let heard = null;

  // Chromium keeps a remote track silent until an element plays it.
  const listen = () => {
    const element = document.getElementById("remote-audio");
    const stream = element && element.srcObject;
    if (!stream || !stream.getAudioTracks().length || element.paused) return false;
    if (stream === heard) return true;
    context ??= new AudioContext();
    analyser ??= new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
    if (source) source.disconnect();
    source = context.createMediaStreamSource(stream);
    source.connect(analyser);
    heard = stream;
    return true;
  };

  // Decibels (full scale = 0) at each frequency now; -200 where nothing plays.
  const levels = (frequencies) => {
    if (!listen()) return frequencies.map(() => -200);
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const width = context.sampleRate / analyser.fftSize;
    return frequencies.map((frequency) => {
      const middle = Math.round(frequency / width);
      const near = Array.from(bins.slice(middle - 2, middle + 3));
      return Math.max(-200, ...near.filter(Number.isFinite));
    });
  };

  const sockets = [];
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...given) {
      super(...given);
      sockets.push(this);
    }
  };
  // Lose every connection; how many there had been.
  window.loseSockets = () => {
    const open = sockets.filter((socket) => socket.readyState === Native.OPEN);
    open.forEach((socket) => socket.close());
    return open.length;
  };
  window.openSockets = () =>
    sockets.filter((socket) => socket.readyState === Native.OPEN).length;

  // The page's last connection for sound; as if nothing came by it any more, until it is changed.
  let peer = null;
  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    constructor(...given) {
      super(...given);
      peer = this;
    }
  };
  window.iceFragment = () => /a=ice-ufrag:(.+)/.exec(peer.localDescription.sdp)[1];
  window.loseWay = () => {
    const before = window.iceFragment();
    Object.defineProperty(peer, "connectionState", {
      configurable: true,
      get: () => (window.iceFragment() === before ? "disconnected" : "connected"),
    });
    peer.dispatchEvent(new Event("connectionstatechange"));
    return before;
  };

  window.ears = { tone, levels, hears: (frequency, floor) => levels([frequency])[0] > floor };
})();

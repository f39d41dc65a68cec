// Ears for a browser on a machine without a sound card, where no AudioContext
// runs: records what the page is to play, and looks for tones in it.
(() => {
  const SECONDS = 0.4;
  const RATE = 48000;

  const record = async () => {
    const stream = document.getElementById("remote-audio")?.srcObject;
    if (!stream || !stream.getAudioTracks().length) return new Float32Array(0);
    const recorder = new MediaRecorder(stream, { audioBitsPerSecond: 256000 });
    const recorded = new Promise((done) => {
      recorder.ondataavailable = (event) => done(event.data);
    });
    recorder.start();
    await new Promise((done) => setTimeout(done, 1000 * SECONDS));
    recorder.stop();
    const octets = await (await recorded).arrayBuffer();
    if (!octets.byteLength) return new Float32Array(0);
    const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(octets);
    return sound.getChannelData(0);
  };

  // Decibels (full scale = 0) of a frequency in all of it, under a Hann window.
  const level = (samples, frequency) => {
    let [re, im] = [0, 0];
    samples.forEach((sample, at) => {
      const angle = (2 * Math.PI * frequency * at) / RATE;
      const weight = 1 - Math.cos((2 * Math.PI * at) / samples.length);
      re += weight * sample * Math.cos(angle);
      im += weight * sample * Math.sin(angle);
    });
    return Math.max(-200, 20 * Math.log10((2 * Math.hypot(re, im)) / samples.length));
  };

  const levels = async (frequencies) => {
    const samples = await record();
    return frequencies.map((one) => (samples.length ? level(samples, one) : -200));
  };
  window.ears = { levels, hears: async (one, floor) => (await levels([one]))[0] > floor };
})();

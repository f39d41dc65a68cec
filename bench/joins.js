// Runs in the page of a plain JsSIP phone: one call, timed from ua.call().
async (target) => {
  const phone = window.phone;
  const pause = () => new Promise((done) => setTimeout(done, 1));
  const since = () => performance.now() - phone.times.began;

  // The first RTP packet that Chromium counts.
  const firstPacket = async () => {
    for (;;) {
      const stats = await phone.session.connection.getStats();
      const arrived = [...stats.values()].some(
        (report) => report.type === "inbound-rtp" && report.packetsReceived > 0,
      );
      if (arrived) return since();
      await pause();
    }
  };

  // The first sample that is not zero in what the page plays.
  const firstSound = async () => {
    const context = (window.bench ??= new AudioContext());
    await context.resume();
    const stream = () => document.getElementById("remote-audio").srcObject;
    while (!stream()) await pause();
    const source = context.createMediaStreamSource(stream());
    const analyser = new AnalyserNode(context, { fftSize: 256 });
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    do {
      await pause();
      analyser.getFloatTimeDomainData(samples);
    } while (samples.every((sample) => sample === 0));
    source.disconnect();
    return since();
  };

  document.getElementById("remote-audio").srcObject = null;
  const answered = phone.call(target, { quick: true });
  const heard = [firstPacket(), firstSound()];
  const { status, reason } = await answered;
  if (status !== 200) throw new Error(`${status} ${reason}`);
  const [packet, sound] = await Promise.all(heard);
  const confirmed = phone.times.confirmed;
  phone.hangUp();
  while (phone.state !== "ended") await pause();
  return { confirmed, packet, sound };
};

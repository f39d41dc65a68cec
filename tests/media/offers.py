# ruff: noqa: E501 (lines as phones wrote them)
"""Offers as real phones wrote them, and parts of them for tests."""

from __future__ import annotations

CHROMIUM = """v=0
o=- 7467988303964669706 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS 4b451e24-28b4-42e8-98f1-a88be42285e0
m=audio 47612 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 192.0.2.2
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1032387406 1 udp 2122194687 192.0.2.2 47612 typ host generation 0 network-id 1
a=candidate:989501438 1 udp 2122265343 fd00::2 55159 typ host generation 0 network-id 2
a=ice-ufrag:sOd2
a=ice-pwd:rWsH8LGHcFL2cVxoFcET1bGu
a=ice-options:trickle
a=fingerprint:sha-256 7D:D0:5F:F0:D0:50:35:7B:1F:C5:AF:77:7E:81:88:67:95:B1:18:B7:56:B2:12:3E:EA:32:94:81:E7:97:D8:05
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:4b451e24-28b4-42e8-98f1-a88be42285e0 ad075653-be00-489b-8c43-c766ed9c81ac
a=rtcp-mux
a=rtcp-rsize
a=rtcp-xr:rcvr-rtt=all
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:3838707853 cname:nyLd5qTOarhkPlQL
""".replace("\n", "\r\n")

# JsSIP without microphone permission: names instead of addresses.
JSSIP = CHROMIUM.replace("c=IN IP4 192.0.2.2", "c=IN IP4 0.0.0.0").replace(
    "a=candidate:1032387406 1 udp 2122194687 192.0.2.2 47612 typ host generation 0 network-id 1",
    "a=candidate:2040026009 1 udp 2113937151 e37aadf9-623b-47a5-b0d1-a8514e629ca9.local 38006"
    " typ host generation 0 network-cost 999",
)

# SIP.js waits for all candidates, TCP included, and offers data with it here.
SIPJS = (
    CHROMIUM.replace("a=group:BUNDLE 0\r\n", "a=group:BUNDLE 0 1\r\n").replace(
        "a=ice-ufrag:sOd2\r\n",
        "a=candidate:3103475678 1 tcp 1518214911 192.0.2.2 9 typ host tcptype active"
        " generation 0 network-id 1\r\na=ice-ufrag:sOd2\r\n",
    )
    + """m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:sOd2
a=ice-pwd:rWsH8LGHcFL2cVxoFcET1bGu
a=setup:actpass
a=mid:1
a=sctp-port:5000
""".replace("\n", "\r\n")
)

AIORTC = """v=0
o=- 4004334026 4004334026 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
a=msid-semantic:WMS *
m=audio 33770 UDP/TLS/RTP/SAVPF 96 9 0 8
c=IN IP4 192.0.2.2
a=sendrecv
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=mid:0
a=rtcp:9 IN IP4 0.0.0.0
a=rtcp-mux
a=rtpmap:96 opus/48000/2
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=candidate:f957a2332b1715da3b0ef8ba684454eb 1 udp 2130706431 192.0.2.2 33770 typ host
a=end-of-candidates
a=ice-ufrag:GPNT
a=ice-pwd:0RsTsyC5Yh9yMTMTSIlJvc
a=fingerprint:sha-384 4C:AA:F2:8F:29:12:B3:BB:50:7B:69:30:A8:2F:06:8D:24:A5:F0:31:7B:FF:B1:D3:ED:43:55:ED:20:F6:09:C4:F7:68:11:31:C3:4E:82:DC:A8:4A:55:A8:19:4F:DF:BF
a=fingerprint:sha-256 88:53:42:58:C1:7E:3F:84:A4:43:78:4E:4C:31:B6:2D:92:72:1E:0D:78:9A:18:F5:70:F8:B9:CC:1A:E1:81:20
a=setup:actpass
""".replace("\n", "\r\n")

BARESIP = """v=0
o=- 3005071041 387144636 IN IP4 192.0.2.2
s=-
c=IN IP4 192.0.2.2
t=0 0
a=tool:baresip 1.0.0
m=audio 5016 RTP/AVP 96 0 8 101
a=rtpmap:96 opus/48000/2
a=fmtp:96 stereo=1;sprop-stereo=1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
a=label:1
a=rtcp-rsize
a=ssrc:3234550761 cname:sip:bob@127.0.0.1:5997
a=minptime:20
a=ptime:20
""".replace("\n", "\r\n")

# RFC 4568 10.1.1, with the audio stream alone.
SAVP = """v=0
o=bob 2890844730 2890844731 IN IP4 192.0.2.9
s=-
c=IN IP4 192.0.2.9
t=0 0
m=audio 20000 RTP/SAVP 0
a=crypto:1 F8_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5QUJjZGVm|2^20|1:4
a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20
""".replace("\n", "\r\n")

# baresip with mediaenc=dtls_srtp, as it sends it.
DESK_DTLS = BARESIP.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF") + (
    "a=fingerprint:SHA-256 7D:D0:5F:F0:D0:50:35:7B:1F:C5:AF:77:7E:81:88:67:95:B1:18:B7:56:B2:12"
    ":3E:EA:32:94:81:E7:97:D8:05\r\na=setup:actpass\r\n"
)

WEBRTC = {"chromium": CHROMIUM, "jssip": JSSIP, "sipjs": SIPJS, "aiortc": AIORTC}
PLAIN = {"baresip": BARESIP, "savp": SAVP, "dtls": DESK_DTLS}
ALL = WEBRTC | PLAIN


def without(offer: str, start: str) -> str:
    """The offer without the lines that begin so."""
    return "".join(line for line in offer.splitlines(keepends=True) if not line.startswith(start))

// What people type to call somebody, as an address.

/** What was typed, as an address: names and numbers are of this house. */
export function addressOf(text, domain) {
  const said = text.trim();
  if (/^(sips?|tel):/i.test(said)) return said;
  if (said.includes("@")) return `sip:${said}`;
  const number = /^[+0-9][0-9 ().-]*$/.test(said);
  return `sip:${number ? said.replace(/[ ().-]/g, "") : said.toLowerCase()}@${domain}`;
}
